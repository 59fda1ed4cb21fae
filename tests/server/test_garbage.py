"""A finished call leaves no reference cycle: what it held, values included, is freed at once and not when the garbage
collector comes by, which the server makes rare (server/server.py)."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.server.house import House
from holdfast.server.logs import Log
from holdfast.server.opening import Opened, open_directory
from holdfast.server.server import build
from holdfast.server.settings_sources import load
from holdfast.services.holdfast import records
from holdfast.store.transaction import Transaction
from holdfast.vault.registry import ACCESS_KEY_SECRET
from holdfast.wire.messages import Request, Response
from holdfast.wire.signer import Credentials, Signer

TARGETS = {"secretsmanager": "secretsmanager", "ssm": "AmazonSSM", "kms": "TrentService"}
TIMES = 20


def credentials_of(opened: Opened) -> Credentials:
    found: list[Credentials] = []

    def unit(tx: Transaction) -> None:
        row = tx.one(records.ROOT_ACCESS_KEY, opened.home_account)
        assert row is not None
        found.append(Credentials(row[0], opened.vault.open(ACCESS_KEY_SECRET, (row[0],), row[1]).decode()))

    opened.executor.immediately(unit)
    return found[0]


async def ask(house: House, credentials: Credentials, service: str, operation: str, **parameters: Any) -> int:
    headers = {"Host": "localhost", "X-Amz-Target": f"{TARGETS[service]}.{operation}"}
    body = json.dumps(parameters).encode()
    signed = Signer(credentials, "us-east-1", service).sign("POST", "/", headers, body, datetime.now(UTC))
    answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    sent = {name.lower(): value for name, value in {**headers, **signed}.items()}
    house.handle(Request("POST", "/", sent, body), answered.set_result)
    return (await answered).status


async def count_garbage(directory: Path) -> dict[str, Counter[str]]:
    settings = load({"data": str(directory)}, {})
    opened = open_directory(settings)
    credentials = credentials_of(opened)
    house = build(settings, opened, Log("json", "error"))
    house.start()
    token = "0" * 32
    await ask(
        house, credentials, "secretsmanager", "CreateSecret", Name="s", SecretString="v", ClientRequestToken=token
    )
    await ask(house, credentials, "ssm", "PutParameter", Name="p", Value="v", Type="SecureString")
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("secretsmanager", "GetSecretValue", {"SecretId": "s"}),
        ("secretsmanager", "BatchGetSecretValue", {"SecretIdList": ["s"]}),
        ("secretsmanager", "PutSecretValue", {"SecretId": "s", "SecretString": "v", "ClientRequestToken": token}),
        ("ssm", "GetParameter", {"Name": "p", "WithDecryption": True}),
    ]
    left: dict[str, Counter[str]] = {}
    for service, operation, parameters in calls:
        assert await ask(house, credentials, service, operation, **parameters) == 200
        gc.collect()
        gc.freeze()  # what other tests left and lets go of now (a thread that ends) is none of these calls
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(TIMES):
                await ask(house, credentials, service, operation, **parameters)
            gc.collect()
            left[operation] = Counter(type(each).__name__ for each in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.unfreeze()
    await house.stop()
    opened.lock.release()
    return left


def test_a_finished_call_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    left = asyncio.run(count_garbage(tmp_path / "data"))
    assert set(left) == {"GetSecretValue", "BatchGetSecretValue", "PutSecretValue", "GetParameter"}
    # A timer or a future of the loop may be caught on its way; what each call leaves comes TIMES times.
    assert {name: found for name, found in left.items() if any(n >= TIMES for n in found.values())} == {}
