"""Retention: records older than the setting `audit_retention_days` are removed, and a sealed statement says so.

A run removes at most a thousand of the oldest rows, always from the beginning of the table, so that what is left of a
chain still hangs together: its statement holds the tag of the last record that went. What a run did is itself on record.
The explanations of denials (denials.py) are kept as long as the records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.cloudtrail import records
from holdfast.services.cloudtrail.denials import remove_denials
from holdfast.services.cloudtrail.pages import count_of
from holdfast.vault.chain import Removal, open_statement, seal_statement

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Row, Transaction

REMOVE = "cloudtrail.remove-expired"
DAY = 86_400_000
MOST_ROWS = 1000
"""Rows that one run removes."""
MOST = 20_000
"""Records that one run removes, about: a run is one transaction."""


def remove_expired(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """Remove what is older than `payload["days"]`; comes again at once while there is more, else in a day."""
    oldest_kept = call.now - int(payload["days"]) * DAY
    expired, removed = expired_rows(call.tx, oldest_kept)
    more = removed >= MOST or len(expired) >= MOST_ROWS
    more = remove_denials(call.tx, oldest_kept) or more
    call.schedule(REMOVE, subject, call.now if more else call.now + DAY, payload)
    if not expired:
        return
    call.tx.run(records.REMOVE_THROUGH, expired[-1][0])
    chains: dict[int, Removal] = {}
    for _, chain, position, tag, event_time, beginning in expired:
        if chain is not None:
            before = chains.get(chain) or _removed_before(call, chain)
            newest = max(event_time, before.newest)
            chains[chain] = Removal(position, tag, before.records + count_of(beginning), newest, call.now)
    for chain, removal in chains.items():
        call.tx.run(records.WRITE_STATEMENT, chain, Removal.KIND, seal_statement(call.vault, chain, removal))
    call.surroundings.control.audit_trail.records_removed()
    details = {"recordsRemoved": str(removed), "retentionDays": str(payload["days"])}
    call.service_event("cloudtrail", "RemoveExpiredRecords", details=details)


def expired_rows(tx: Transaction, oldest_kept: int) -> tuple[list[Row], int]:
    """Rows that go now, and how many records they hold. Only what stands before everything that is kept: a chain is cut at
    its beginning, nowhere else. A page goes when its newest record does."""
    expired: list[Row] = []
    removed = 0
    after = -(1 << 63)
    while rows := tx.all(records.OLDEST, after):
        for row in rows:
            if row[4] >= oldest_kept or removed >= MOST or len(expired) >= MOST_ROWS:
                return expired, removed
            expired.append(row)
            removed += count_of(row[5])
        after = rows[-1][0]
    return expired, removed


def _removed_before(call: Call, chain: int) -> Removal:
    row = call.tx.one(records.READ_STATEMENT, chain, Removal.KIND)
    if row is not None:
        statement = open_statement(call.vault, chain, Removal.KIND, row[0])
        if isinstance(statement, Removal):
            return statement
    return Removal(0, b"", 0, 0, 0)
