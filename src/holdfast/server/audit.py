"""From what a call did to the rows that say so: the call's own record, then one for each on-behalf call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api.base import Operation
from holdfast.services.cloudtrail.rules import record
from holdfast.services.service import Mode

if TYPE_CHECKING:
    from holdfast.server.directory import Directory
    from holdfast.services.call import Trace
    from holdfast.store.transaction import Row
    from holdfast.vault.randomness import Randomness


class Audit:
    """Makes audit rows. It holds no state but what is the same for every call of an operation."""

    def __init__(self, directory: Directory, randomness: Randomness) -> None:
        self._directory = directory
        self._randomness = randomness
        self._facts: dict[Operation[Any, Any], tuple[str, bool]] = {}

    def _facts_of(self, operation: Operation[Any, Any]) -> tuple[str, bool]:
        facts = self._facts.get(operation)
        if facts is None:
            service = self._directory.service(operation.service)
            served = service.operations.get(operation.name)
            read_only = served is not None and served.mode is Mode.READ
            facts = self._facts[operation] = (service.api.metadata.api_version, read_only)
        return facts

    def rows(self, traces: list[Trace]) -> list[Row]:
        """The rows for `services.cloudtrail.records.APPEND`."""
        rows: list[Row] = []
        for trace in traces:
            api_version, read_only = self._facts_of(trace.operation)
            call = trace.call
            rows.append(
                (
                    call.account,
                    call.region,
                    call.now,
                    call.request_id,
                    record(trace, api_version, read_only, self._randomness.uuid4()),
                )
            )
        return rows
