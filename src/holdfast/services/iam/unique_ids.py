"""Users and roles by their unique ids, in whatever account.

Whoever keeps a policy that names a user or role keeps the unique id: one that is deleted and made again under its name
is somebody else ("Unique identifiers", IAM user guide).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.iam import records
from holdfast.services.iam.rules import SERVICE_ROLES, arn_of, entity_arn_parts

if TYPE_CHECKING:
    from holdfast.store.transaction import Transaction

USER_ID = "AIDA"
ROLE_ID = "AROA"


def is_service_role(arn: str) -> bool:
    """Whether an ARN names a service-linked role: those are there in every account and have no row."""
    return f":role{SERVICE_ROLES}" in arn


def unique_id(tx: Transaction, arn: str, partition: str = "aws") -> str | None:
    """`AIDA…` or `AROA…` of the user or role that has exactly this ARN; None when there is none."""
    parts = entity_arn_parts(arn)
    if parts is None:
        return None
    account, kind, name = parts
    if kind == "group":
        return None
    found = records.read_user(tx, account, name) if kind == "user" else records.read_role(tx, account, name)
    if found is None or arn_of(partition, account, kind, found.path, found.name) != arn:
        return None
    return found.id


def arn_of_unique_id(tx: Transaction, found: str, partition: str = "aws") -> str | None:
    """The ARN of the user or role with a unique id; None when it is no more."""
    kind = {USER_ID: "user", ROLE_ID: "role"}.get(found[:4])
    if kind is None:
        return None
    row = tx.one(records.WHERE_USER if kind == "user" else records.WHERE_ROLE, found)
    return None if row is None else arn_of(partition, row[0], kind, row[1], row[2])
