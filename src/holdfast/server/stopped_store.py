"""The store of a data directory whose server does not run: opened under the directory's lock, for one command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from holdfast.access.principal import operator_of
from holdfast.rotation.engines import ABSENT, ENGINES
from holdfast.rotation.surroundings import RotationSurroundings
from holdfast.server.deliveries import DeliveryTally
from holdfast.server.directory import Directory
from holdfast.server.errors import DirectoryUnusable
from holdfast.server.identities import Identities
from holdfast.server.opening import DATABASE, Opened, open_directory
from holdfast.services.call import Call, Source
from holdfast.services.cloudtrail.denials import read_denial, records_of_request
from holdfast.store.sqlite import SqliteTransaction
from holdfast.store.transaction import StoreError
from holdfast.vault.randomness import Randomness, time_ordered_id

if TYPE_CHECKING:
    from holdfast.access.chain import Denial
    from holdfast.api.base import Operation
    from holdfast.server.settings import Settings
    from holdfast.services.outbox.deliveries import Tally
    from holdfast.services.principals import Principals
    from holdfast.services.service import Served, Service
    from holdfast.store.transaction import Transaction


@contextmanager
def stopped_store(settings: Settings) -> Generator[tuple[Opened, Transaction]]:
    """The store, and a transaction that reads it as it is now. Raises a `StartError`."""
    if not (settings.data / DATABASE).exists():
        raise DirectoryUnusable(
            f"{settings.data} holds no store yet: start one with `holdfast serve --data {settings.data}`"
        )
    opened = open_directory(settings)
    database = opened.executor.database
    try:
        reading = SqliteTransaction(database.reading, writable=False)
        reading.execute("BEGIN")
        yield opened, reading
        reading.execute("COMMIT")
    finally:
        database.close()
        opened.lock.release()


class StoppedSurroundings:
    """What calls on such a store share: they read, act as the operator, and wait for nothing."""

    partition = "aws"

    def __init__(self, opened: Opened) -> None:
        self.vault = opened.vault
        self.randomness: Randomness = opened.randomness
        self.wall = opened.clock.wall
        self.principals: Principals = Identities()
        self.control: Any = self
        self.audit_trail = self
        self.outside: Any = None
        self.functions: Any = None
        self.rotation = RotationSurroundings(ENGINES, ABSENT)
        self.deliveries: Tally = DeliveryTally()
        self._directory = Directory()

    def served(self, operation: Operation[Any, Any]) -> Served:
        return self._directory.served(operation)

    def service(self, name: str) -> Service:
        return self._directory.service(name)

    def pending_note(self, kind: str, key: Any) -> Any:
        return None

    def job_scheduled(self) -> None:
        raise StoreError("a store without a server is only read")

    # -- services.holdfast.explanations.KnownRequests -----------------------------------------------------------------

    def denial(self, tx: Transaction, request_id: str, account: str) -> Denial | None:
        return read_denial(tx, request_id, account)

    def records(self, tx: Transaction, request_id: str, account: str) -> list[dict[str, Any]]:
        return records_of_request(tx, request_id, account)


def operator_call(opened: Opened, transaction: Transaction) -> Call:
    """A call of the operator on a store whose server does not run."""
    now = opened.clock.service()
    return Call(
        StoppedSurroundings(opened),
        transaction,
        principal=operator_of(opened.home_account),
        region=opened.home_region,
        now=now,
        request_id=time_ordered_id(opened.randomness, now),
        source=Source(),
    )
