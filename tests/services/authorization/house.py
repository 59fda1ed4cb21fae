"""Every service on one store and one vault, called by a user whom its own policy allows everything.

A user and not the root user, for whom some checks are short cuts: here each check really is one, with its condition keys.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from holdfast.access.decision import EMPTY_CONTEXT, Context, Decision
from holdfast.access.grounds import Identity
from holdfast.access.policy import PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind, root_of
from holdfast.api.base import Operation
from holdfast.rotation.engines import ENGINES
from holdfast.rotation.surroundings import RotationSurroundings
from holdfast.server.directory import ENTRIES, Directory
from holdfast.server.identities import Identities
from holdfast.server.quotas import PARAMETERS_PER_REGION
from holdfast.services.call import Call, NeedsWrite, Source
from holdfast.services.functions import Invoked, Target
from holdfast.services.holdfast.operations import create_account_rows
from holdfast.services.service import Mode, SecondHalf, Served, Service
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.statements import Statement
from holdfast.vault.randomness import Randomness, UnsafeSeededRandomness
from holdfast.vault.registry import DELIVERY_BODY
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from tests.issuer import SigningKey

ACCOUNT = "123456789012"
REGION = "eu-central-1"
START = 1_800_000_000_000
CALLER = f"arn:aws:iam::{ACCOUNT}:user/caller"
ISSUER = "https://issuer.example/tenant"
DELIVERIES = Statement("SELECT delivery_id, body_sealed FROM delivery ORDER BY delivery_id")
EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


class Check(NamedTuple):
    """One check that an operation asked for."""

    action: str
    resource: str
    context: dict[str, Any]
    via: str
    """The service on whose way it was asked; empty on a direct call."""


class Provider:
    """An OpenID Connect provider's documents, as `services.outside.Outside` would fetch them."""

    def __init__(self, key: SigningKey) -> None:
        self.pages = {
            f"{ISSUER}/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"},
            f"{ISSUER}/keys": {"keys": [key.jwk]},
        }

    async def document(self, url: str, **_: Any) -> tuple[bytes, bool]:
        return json.dumps(self.pages[url]).encode(), True


class Door:
    """`services.functions.Functions` of functions that answer with their event."""

    async def run(self, where: Target, payload: bytes, request_id: str, **_: Any) -> Invoked:
        return Invoked(payload, "", "", request_id)

    def code_location(self, key: tuple[str, str, str], code_sha256: str) -> None: ...


class House:
    """A store, a vault and the services; also the `Surroundings` of their calls."""

    partition = "aws"
    control: Any

    def __init__(self, path: Path) -> None:
        self.randomness: Randomness = UnsafeSeededRandomness("authorization")
        self.vault = Vault(RootKeys.generate(self.randomness), self.randomness)
        self.directory = Directory()
        self.principals: Any = Identities()
        self.key = SigningKey("ES256", "first")
        self.outside: Any = Provider(self.key)
        self.functions: Any = Door()
        self.deliveries: Any = None
        self.rotation = RotationSurroundings(ENGINES)
        self.control = type("Control", (), {"audit_trail": None, "parameters_per_region": PARAMETERS_PER_REGION})()
        self.database = SqliteDatabase(path, synchronous="OFF")
        self.tx = SqliteTransaction(self.database.writing, writable=True)
        self.tx.execute("BEGIN")
        migrate(self.tx, self.database.execute)
        create_account_rows(self.tx, self.vault, self.randomness, START, ACCOUNT)
        self.tx.execute("COMMIT")
        self.checks: dict[tuple[str, str], list[Check]] = defaultdict(list)
        """(service, operation that was called) -> what it asked."""
        self._asking = ("", "")
        self.identity = Identity(root_of(ACCOUNT))
        user = self.call("iam", "CreateUser", UserName="caller").User
        principal = Principal(PrincipalKind.USER, ACCOUNT, CALLER, user.UserId, "AKIAIOSFODNN7EXAMPLE")
        policy = compile_policy(EVERYTHING, name="everything", kind=PolicyKind.IDENTITY)
        self.identity = Identity(principal, (policy,))
        self.checks.clear()

    def record(self, call: Call, action: str, resource: str, context: Context) -> None:
        """Note a check of whatever operation runs now."""
        self.checks[self._asking].append(Check(action, resource, dict(context), call.via_service))

    # Surroundings

    def wall(self) -> float:
        return START / 1000

    def served(self, operation: Operation[Any, Any]) -> Served:
        return self.directory.served(operation)

    def service(self, name: str) -> Service:
        return self.directory.service(name)

    def pending_note(self, kind: str, key: Any) -> Any:
        return None

    def job_scheduled(self) -> None: ...

    # Calls

    def call(self, service: str, name: str, **members: Any) -> Any:
        """One call, run as the pipeline would run it; the first half only of one that waits for the server's own parts."""
        operation = self.service(service).api.operations[name]
        value = msgspec.convert(members, operation.input)
        self._asking = (service, name)
        mode = self.served(operation).mode
        if mode is Mode.WAITING:
            effect = self._run(operation, value, writable=False)
            if service == "cloudtrail":
                return None
            second = asyncio.run(effect())
            if not isinstance(second, SecondHalf):
                return second
            with self.transaction(writable=False) as tx:
                return second.function(self._call(tx))
        if mode is Mode.READ:
            try:
                return self._run(operation, value, writable=False)
            except NeedsWrite:
                self.checks.pop(self._asking, None)
        return self._run(operation, value, writable=True)

    def _run(self, operation: Operation[Any, Any], value: Any, *, writable: bool) -> Any:
        with self.transaction(writable=writable) as tx:
            return self.served(operation).function(self._call(tx), value)

    def _call(self, tx: SqliteTransaction) -> Call:
        return Call(
            self,
            tx,
            principal=self.identity.principal,
            identity=self.identity,
            region=REGION,
            now=START,
            request_id="request",
            source=Source("192.0.2.1", "a client"),
        )

    def newest_delivery(self) -> bytes:
        """What is on its way to somewhere, and was put last."""
        delivery_id, sealed = self.tx.all(DELIVERIES)[-1]
        return self.vault.open(DELIVERY_BODY, (delivery_id,), sealed)

    def transaction(self, *, writable: bool) -> Any:
        return _Transaction(self.tx, writable=writable)


class _Transaction:
    def __init__(self, tx: SqliteTransaction, *, writable: bool) -> None:
        self._tx = tx
        self._writable = writable

    def __enter__(self) -> SqliteTransaction:
        self._tx.execute("BEGIN")
        self._tx.writable = self._writable
        return self._tx

    def __exit__(self, kind: Any, *_: object) -> None:
        self._tx.execute("ROLLBACK" if kind else "COMMIT")
        self._tx.forget_savepoints()


def recording_check(house: House) -> Any:
    """A replacement for `Call.check` that tells the house first."""
    check = Call.check

    def recorded(call: Call, action: str, resource: str, context: Context = EMPTY_CONTEXT, **options: Any) -> Decision:
        house.record(call, action, resource, context)
        return check(call, action, resource, context, **options)

    return recorded


SERVICES = tuple(entry.name for entry in ENTRIES if entry.name != "holdfast")
"""AWS's; our own operations are in no list of AWS's."""
PREFIXES = {entry.name: entry.signing_name for entry in ENTRIES}
"""Our name of a service -> the prefix of its actions, under which it is signed for, too."""
