"""What using credentials leaves behind, written with the next batch: last used moments only ever move forward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.iam import records

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction


def access_key_used(tx: Transaction, access_key_id: str, used: tuple[int, str, str]) -> None:
    """A long-term key signed a call: (service time in ms, signing name of the service, Region)."""
    moment, service, region = used
    tx.run(records.USE_KEY, moment, service, region, access_key_id, moment)


def role_used(tx: Transaction, role: tuple[str, str], used: tuple[int, str]) -> None:
    """A session of a role, given by account and role id, made a call: (service time in ms, Region)."""
    moment, region = used
    tx.run(records.USE_ROLE, moment, region, *role, moment)
