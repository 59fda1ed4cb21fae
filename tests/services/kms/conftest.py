"""KMS without a server around it: the operations on a real store and a real vault, in this process.

Most tests here go through boto3 and a server process. This house is for what only the inside shows: calls on behalf,
what is in the tables, and thousands of steps of a state machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.access.grounds import Identity
from holdfast.access.policy import PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind, root_of, service_role
from holdfast.api.base import Operation
from holdfast.services.call import Call, Source
from holdfast.services.kms.service import SERVICE
from holdfast.services.service import Served, Service
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.vault.randomness import Randomness, UnsafeSeededRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from holdfast.work.due import next_job
from tests.services.houses import StoreHouse

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
REGION = "eu-central-1"
START = 1_800_000_000_000


class People:
    """Users and roles by their ARNs; a server's directory of principals, as far as KMS asks it."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def unique_id(self, tx: Any, arn: str) -> str | None:
        return self.ids.get(arn)

    def arn_of_unique_id(self, tx: Any, unique_id: str) -> str | None:
        return next((arn for arn, each in self.ids.items() if each == unique_id), None)

    def account_exists(self, tx: Any, account: str) -> bool:
        return True


class House(StoreHouse[SqliteTransaction]):
    """A store, a vault and KMS; also the `Surroundings` of its calls."""

    partition = "aws"
    control: Any = None
    wall: Any = None
    outside: Any = None
    functions: Any = None
    deliveries: Any = None
    rotation: Any = None
    """For other services only; KMS never asks for them."""

    def __init__(self, path: Path) -> None:
        self.randomness: Randomness = UnsafeSeededRandomness(path.name)
        self.root_keys = RootKeys.generate(self.randomness)
        self.vault = Vault(self.root_keys, self.randomness)
        self.database = SqliteDatabase(path, synchronous="OFF")
        self.tx = SqliteTransaction(self.database.writing, writable=True)
        self.tx.execute("BEGIN")
        migrate(self.tx, self.database.execute)
        self.tx.execute("COMMIT")
        self.now = START
        self.principal = root_of(ACCOUNT)
        self.identity: Identity | None = None
        """Of the caller, when it is not a root user; see `user` and `role`."""
        self.people = People()
        self.principals: Any = self.people
        self.region = REGION
        self.last_call: Call

    # Callers

    def root(self, account: str = ACCOUNT) -> None:
        """Go on as the root user of an account."""
        self.principal, self.identity = root_of(account), None

    def user(self, name: str, *statements: dict[str, Any], account: str = ACCOUNT, **limits: Any) -> str:
        """Go on as a user who exists from now on, with an identity policy of these statements; the ARN."""
        arn = f"arn:aws:iam::{account}:user/{name}"
        unique_id = self.people.ids.setdefault(arn, f"AIDA{name.upper():A<16}{account[:4]}")
        self._go_on(Principal(PrincipalKind.USER, account, arn, unique_id), statements, limits)
        return arn

    def role(self, name: str, *statements: dict[str, Any], account: str = ACCOUNT, **limits: Any) -> str:
        """Go on as the session `s` of a role who exists from now on; the role's ARN."""
        arn = f"arn:aws:iam::{account}:role/{name}"
        role_id = self.people.ids.setdefault(arn, f"AROA{name.upper():A<16}{account[:4]}")
        session = f"arn:aws:sts::{account}:assumed-role/{name}/s"
        principal = Principal(PrincipalKind.ASSUMED_ROLE, account, session, f"{role_id}:s")
        self._go_on(principal, statements, {"role_arn": arn, **limits})
        return arn

    def _go_on(self, principal: Principal, statements: tuple[dict[str, Any], ...], limits: dict[str, Any]) -> None:
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        own = (compile_policy(text, name="own", kind=PolicyKind.IDENTITY),) if statements else ()
        self.principal, self.identity = principal, Identity(principal, own, **limits)

    # Surroundings

    def served(self, operation: Operation[Any, Any]) -> Served:
        return self.service(operation.service).operations[operation.name]

    def service(self, name: str) -> Service:
        assert name == "kms"
        return SERVICE

    def pending_note(self, kind: str, key: Any) -> Any:
        return None

    # Calls

    def call_in(self, tx: SqliteTransaction, principal: Principal) -> Call:
        self.last_call = Call(
            self,
            tx,
            principal=principal,
            identity=self.identity if self.identity and self.identity.principal is principal else None,
            region=self.region,
            now=self.now,
            request_id="request",
            source=Source(),
        )
        return self.last_call

    def _run(self, operation: Operation[Any, Any], value: Any, *, writable: bool, via: str = "", **options: Any) -> Any:
        """Direct, or on behalf of a caller of the service `via`."""
        with self.transaction(writable=writable) as tx:
            call = self.call_in(tx, self.principal)
            if via:
                return call.on_behalf(operation, value, by=via)
            output = self.served(operation).function(call, value)
            assert any(d.allowed for d in call.decisions)
            return output

    def advance(self, milliseconds: int) -> None:
        """Move the clock, stopping at each due job to run it, as the server does."""
        end = self.now + milliseconds
        while True:
            with self.transaction(writable=True) as tx:
                job = next_job(tx)
                if job is None or job.due > end:
                    break
                self.now = max(self.now, job.due)
                tx.execute("DELETE FROM due_job WHERE kind = ? AND subject = ?", (job.kind, job.subject))
                call = self.call_in(tx, service_role(job.account, "kms.holdfast", "AWSServiceRoleForHoldfastKms"))
                SERVICE.jobs[job.kind](call, job.subject, job.payload)
        self.now = end


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "store.db")
    yield made
    made.database.close()
