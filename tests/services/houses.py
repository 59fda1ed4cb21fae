"""What the houses of the services' tests have in common: transactions on one SQLite store, and calls in them.

A house is services on a real store and a real vault without a server around them; it is also the `Surroundings` of its
calls. Each service furnishes its own.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import pytest

from holdfast.api.base import Operation, ServiceError, Shape
from holdfast.services.call import NeedsWrite
from holdfast.services.service import Mode, Served
from holdfast.store.statements import Statement
from holdfast.store.transaction import Transaction

InputT = TypeVar("InputT", bound=Shape)
OutputT = TypeVar("OutputT", bound=Shape)
TransactionT = TypeVar("TransactionT", bound=Transaction)


class StoreHouse(Generic[TransactionT]):
    """A store, and how calls are run on it."""

    tx: Any
    """The one transaction object, a `SqliteTransaction`."""

    def served(self, operation: Operation[Any, Any]) -> Served:
        raise NotImplementedError

    def _run(self, operation: Operation[Any, Any], value: Any, *, writable: bool, **options: Any) -> Any:
        """One call in a transaction of its own."""
        raise NotImplementedError

    def job_scheduled(self) -> None: ...

    @contextmanager
    def transaction(self, *, writable: bool = True) -> Generator[TransactionT]:
        self.tx.execute("BEGIN")
        self.tx.writable = writable
        try:
            yield self.tx
        except BaseException:
            self.tx.execute("ROLLBACK")
            self.tx.forget_savepoints()
            raise
        self.tx.execute("COMMIT")

    def call(self, operation: Operation[InputT, OutputT], value: InputT, **options: Any) -> OutputT:
        """One call, run as the pipeline would run it."""
        try:
            return self._run(operation, value, writable=self.served(operation).mode is Mode.WRITE, **options)
        except NeedsWrite:
            return self._run(operation, value, writable=True, **options)

    def error(self, operation: Operation[InputT, OutputT], value: InputT, **options: Any) -> ServiceError:
        """The error of a call that must fail."""
        with pytest.raises(ServiceError) as caught:
            self.call(operation, value, **options)
        return caught.value

    def rows(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Look into the tables."""
        with self.transaction(writable=False) as tx:
            return tx.all(Statement(text), *parameters)
