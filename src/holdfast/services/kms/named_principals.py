"""Whom grants name: users, roles and services.

Users and roles are kept as those of key policies are (`services/named_principals.py`): by their unique ids, and shown by the
ARNs of today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.services.named_principals import SERVICE_ROLES, UnknownPrincipal

if TYPE_CHECKING:
    from holdfast.services.call import Call


_SERVICE_MEMBER = "service/"
"""Before the name of a service that a grant names in GranteeServicePrincipal or RetiringServicePrincipal, which listings show
in these members again."""


def as_service(name: str) -> str:
    """What to remember a service by that was named in a member for services."""
    return _SERVICE_MEMBER + name


def in_members(remembered: str) -> tuple[str | None, str | None]:
    """(the member for principals, the one for services), of which one is None; both for nobody."""
    if remembered.startswith(_SERVICE_MEMBER):
        return None, remembered.removeprefix(_SERVICE_MEMBER)
    return remembered or None, None


def principal_name(remembered: str) -> str:
    """The name by which an evaluation knows who is remembered."""
    return remembered.removeprefix(_SERVICE_MEMBER)


def lasting(call: Call, arn: str) -> str:
    """What to remember a principal by: the unique id of a user or role, the ARN of what has none.

    Raises UnknownPrincipal for a user or role that does not exist. A session's ARN is taken as it is: sessions come and
    go. A service-linked role exists in every account.
    """
    if (":user/" not in arn and ":role/" not in arn) or SERVICE_ROLES in arn:
        return arn
    found = call.surroundings.principals.unique_id(call.tx, arn)
    if found is None:
        raise UnknownPrincipal(arn)
    return found


def shown(call: Call, name: str) -> str:
    """The ARN of what was remembered; the id itself when its user or role is no more."""
    if not name.startswith(("AIDA", "AROA")):
        return name
    return call.surroundings.principals.arn_of_unique_id(call.tx, name) or name
