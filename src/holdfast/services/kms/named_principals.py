"""The users and roles that key policies and grants name.

KMS knows them by their unique ids: a user or role that is deleted and made again under its name gets nothing of what the
first one had ("Unique identifiers", IAM user guide). What is shown is the ARN again, as long as there is one.

Threat: a policy that names somebody who does not exist yet, and opens the key to whoever takes that name later. It is
refused, as AWS refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from holdfast.access.principals import named_principals, with_principals

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction


class KnownPrincipals(Protocol):
    """What the server's directory of principals must answer."""

    def unique_id(self, tx: Transaction, arn: str) -> str | None:
        """`AIDA…` or `AROA…` of the user or role with an ARN; None when there is none."""
        ...

    def arn_of_unique_id(self, tx: Transaction, unique_id: str) -> str | None:
        """The ARN of a user or role; None when it was deleted."""
        ...


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


class UnknownPrincipal(Exception):
    """A policy or a grant names somebody who does not exist. `args[0]` is the name."""


def _known(call: Call) -> KnownPrincipals | None:
    """None on a server without IAM, where accounts have their root users only."""
    found = getattr(call.surroundings, "principals", None)
    return cast("KnownPrincipals", found) if hasattr(found, "unique_id") else None


def lasting(call: Call, arn: str) -> str:
    """What to remember a principal by: the unique id of a user or role, the ARN of what has none.

    Raises UnknownPrincipal for a user or role that does not exist. A session's ARN is taken as it is: sessions come and
    go. A service-linked role exists in every account.
    """
    if (":user/" not in arn and ":role/" not in arn) or ":role/aws-service-role/" in arn:
        return arn
    known = _known(call)
    found = None if known is None else known.unique_id(call.tx, arn)
    if found is None:
        raise UnknownPrincipal(arn)
    return found


def shown(call: Call, name: str) -> str:
    """The ARN of what was remembered; the id itself when its user or role is no more."""
    known = _known(call)
    if known is None or not name.startswith(("AIDA", "AROA")):
        return name
    return known.arn_of_unique_id(call.tx, name) or name


def lasting_policy(call: Call, text: str) -> str:
    """A valid policy with unique ids for users and roles. Raises UnknownPrincipal."""
    replacements: dict[str, str] = {}
    for name in named_principals(text):
        if name.startswith("arn:"):
            replacements[name] = lasting(call, name)
        elif shown(call, name) == name:
            raise UnknownPrincipal(name)
    return with_principals(text, replacements) if replacements else text


def shown_policy(call: Call, text: str) -> str:
    """A stored policy as GetKeyPolicy shows it."""
    replacements = {name: arn for name in named_principals(text) if (arn := shown(call, name)) != name}
    return with_principals(text, replacements) if replacements else text
