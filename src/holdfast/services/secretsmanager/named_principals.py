"""The users and roles that a resource policy names.

They are stored by their unique ids: a user or role that is deleted and made again under its name gets nothing of what
the first one had ("Unique identifiers", IAM user guide). Shown is the ARN again, as long as there is one.

Threat: a policy that names somebody who does not exist yet, and opens the secret to whoever takes that name later. It is
refused, as AWS refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from holdfast.access.principals import named_principals, with_principals
from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager.policies import UNSUPPORTED_PRINCIPAL

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

SERVICE_ROLES = ":role/aws-service-role/"
"""Service-linked roles are there in every account."""


class KnownPrincipals(Protocol):
    """What the server's directory of principals answers."""

    def unique_id(self, tx: Transaction, arn: str) -> str | None:
        """`AIDA…` or `AROA…` of the user or role with an ARN; None when there is none."""
        ...

    def arn_of_unique_id(self, tx: Transaction, unique_id: str) -> str | None:
        """The ARN of a user or role; None when it was deleted."""
        ...


def _known(call: Call) -> KnownPrincipals | None:
    """None on a server that knows root users only."""
    found = getattr(call.surroundings, "principals", None)
    return cast("KnownPrincipals", found) if hasattr(found, "unique_id") else None


def lasting_policy(call: Call, text: str) -> str:
    """A valid policy with unique ids for users and roles. MalformedPolicyDocumentException for one that is not there."""
    replacements: dict[str, str] = {}
    known = _known(call)
    for name in named_principals(text):
        if SERVICE_ROLES in name:
            continue
        by_arn = name.startswith("arn:")
        found = None
        if known is not None:
            found = known.unique_id(call.tx, name) if by_arn else known.arn_of_unique_id(call.tx, name)
        if found is None:
            raise api.MalformedPolicyDocumentException(UNSUPPORTED_PRINCIPAL)
        if by_arn:
            replacements[name] = found
    return with_principals(text, replacements) if replacements else text


def shown_policy(call: Call, text: str) -> str:
    """A stored policy as GetResourcePolicy shows it."""
    known = _known(call)
    if known is None:
        return text
    ids = [name for name in named_principals(text) if not name.startswith("arn:")]
    replacements = {name: arn for name in ids if (arn := known.arn_of_unique_id(call.tx, name))}
    return with_principals(text, replacements) if replacements else text
