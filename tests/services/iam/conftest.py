"""IAM through boto3, and IAM without a server around it: the operations on a real store and a real vault, in this process.

The house is for what only the inside shows: what an operation asks to be authorized, what is in the tables, and many
calls.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast.access.decision import EMPTY_CONTEXT, Context, Decision
from holdfast.access.evaluate import ResourceKind
from holdfast.access.grounds import GrantStatement, Identity
from holdfast.access.policy import CompiledPolicy
from holdfast.access.principal import root_of
from holdfast.api.base import Operation
from holdfast.server.identities import Identities
from holdfast.services.call import Call, Source
from holdfast.services.holdfast.operations import create_account_rows
from holdfast.services.iam.service import SERVICE
from holdfast.services.service import Served, Service
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.testing import Account
from holdfast.vault.randomness import Randomness, UnsafeSeededRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from tests.services.houses import StoreHouse

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "210987654321"
START = 1_800_000_000_000


@pytest.fixture
def iam(holdfast: Account) -> Any:
    """A client of a fresh account's root user."""
    return holdfast.client("iam")


Signing = Callable[..., Any]
"""`signing(account, key, service)`: a client that signs with a key as CreateAccessKey answered it."""


@pytest.fixture
def signing() -> Iterator[Signing]:
    made: list[Account] = []

    def sign(account: Account, key: dict[str, str], service: str) -> Any:
        made.append(Account(account.server, account.account, key["AccessKeyId"], key["SecretAccessKey"]))
        return made[-1].client(service)

    yield sign
    for each in made:
        each.close()


class Asked(NamedTuple):
    """One check that an operation asked for."""

    action: str
    resource: str
    context: Context
    owner: str


class AskingCall(Call):
    """Remembers what it was asked to decide."""

    __slots__ = ("asked",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: list[Asked] = []

    def check(
        self,
        action: str,
        resource: str,
        context: Context = EMPTY_CONTEXT,
        *,
        owner: str = "",
        resource_policy: CompiledPolicy | None = None,
        resource_kind: ResourceKind = "resource",
        grants: Sequence[GrantStatement] = (),
    ) -> Decision:
        self.asked.append(Asked(action, resource, dict(context), owner or self.account))
        return super().check(
            action,
            resource,
            context,
            owner=owner,
            resource_policy=resource_policy,
            resource_kind=resource_kind,
            grants=grants,
        )


class House(StoreHouse[SqliteTransaction]):
    """A store with two accounts, a vault and IAM; also the `Surroundings` of its calls."""

    partition = "aws"
    control: Any = None
    wall: Any = None
    outside: Any = None
    """For other services only."""

    def __init__(self, path: Path) -> None:
        self.randomness: Randomness = UnsafeSeededRandomness(path.name)
        self.vault = Vault(RootKeys.generate(self.randomness), self.randomness)
        self.database = SqliteDatabase(path, synchronous="OFF")
        self.tx = SqliteTransaction(self.database.writing, writable=True)
        self.principals = Identities()
        self.now = START
        self.identity = Identity(root_of(ACCOUNT))
        self.pending: dict[tuple[str, Any], Any] = {}
        self.last_call: AskingCall
        self.tx.execute("BEGIN")
        migrate(self.tx, self.database.execute)
        for account in (ACCOUNT, OTHER_ACCOUNT):
            create_account_rows(self.tx, self.vault, self.randomness, START, account)
        self.tx.execute("COMMIT")

    # Surroundings

    def served(self, operation: Operation[Any, Any]) -> Served:
        return SERVICE.operations[operation.name]

    def service(self, name: str) -> Service:
        return SERVICE

    def pending_note(self, kind: str, key: Any) -> Any:
        return self.pending.get((kind, key))

    # Calls

    @contextmanager
    def rehearsal(self, *, writable: bool) -> Generator[SqliteTransaction]:
        """A transaction that is taken back at its end."""
        self.tx.execute("BEGIN")
        self.tx.writable = writable
        try:
            yield self.tx
        finally:
            self.tx.execute("ROLLBACK")
            self.tx.forget_savepoints()

    def _run(self, operation: Operation[Any, Any], value: Any, *, writable: bool, **options: Any) -> Any:
        with self.transaction(writable=writable) as tx:
            self.last_call = AskingCall(
                self,
                tx,
                principal=self.identity.principal,
                identity=self.identity,
                region="us-east-1",
                now=self.now,
                request_id="request",
                source=Source(),
            )
            output = self.served(operation).function(self.last_call, value)
            assert any(decision.allowed for decision in self.last_call.decisions)
            return output

    def version(self) -> int:
        return self.rows("SELECT iam_version FROM account WHERE account = ?", ACCOUNT)[0][0]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "store.db")
    yield made
    made.database.close()
