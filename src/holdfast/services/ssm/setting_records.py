"""The table of service settings: a row for each that somebody changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from holdfast.store.statements import Statement

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

READ_SETTING = Statement(
    "SELECT value, modified, modified_by FROM service_setting WHERE account = ? AND region = ? AND setting_id = ?"
)
WRITE_SETTING = Statement(
    """
    INSERT INTO service_setting (account, region, setting_id, value, modified, modified_by) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (account, region, setting_id) DO UPDATE SET
      value = excluded.value, modified = excluded.modified, modified_by = excluded.modified_by
    """
)
DELETE_SETTING = Statement("DELETE FROM service_setting WHERE account = ? AND region = ? AND setting_id = ?")


class Customized(NamedTuple):
    """A setting that somebody changed."""

    value: str
    modified: int
    modified_by: str


def read_setting(tx: Transaction, account: str, region: str, setting_id: str) -> Customized | None:
    """None when the default holds."""
    row = tx.one(READ_SETTING, account, region, setting_id)
    return None if row is None else Customized(*row)
