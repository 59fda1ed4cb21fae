"""The users and roles that resource policies name, for every service that keeps such policies.

A policy is kept as it is evaluated, users and roles by their unique ids: one that is deleted and made again under its name
gets nothing of what the first one had ("Unique identifiers", IAM user guide). Shown is the ARN again, as long as there is
one.

Threat: a policy that names somebody who does not exist yet, and opens the resource to whoever takes that name later. It is
refused, as AWS refuses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.principals import named_principals, with_principals

if TYPE_CHECKING:
    from holdfast.services.call import Call

SERVICE_ROLES = ":role/aws-service-role/"
"""Service-linked roles are there in every account."""


class UnknownPrincipal(Exception):
    """A policy names somebody who does not exist. `args[0]` is the name."""


def lasting_policy(call: Call, text: str, *, kept_ids: bool = False) -> str:
    """A valid policy with unique ids for users and roles. Raises UnknownPrincipal.

    With `kept_ids` an id need not be somebody's: where a policy that was kept is given a statement more, those that it
    named may be no more.
    """
    replacements: dict[str, str] = {}
    for name in named_principals(text):
        if SERVICE_ROLES in name:
            continue
        principals = call.surroundings.principals
        if name.startswith("arn:"):
            found = principals.unique_id(call.tx, name)
            if found is None:
                raise UnknownPrincipal(name)
            replacements[name] = found
        elif not kept_ids and principals.arn_of_unique_id(call.tx, name) is None:
            raise UnknownPrincipal(name)
    return with_principals(text, replacements) if replacements else text


def shown_policy(call: Call, text: str) -> str:
    """A kept policy with the ARNs of today; ids stay of users and roles that are no more."""
    ids = [name for name in named_principals(text) if not name.startswith("arn:")]
    replacements = {name: arn for name in ids if (arn := call.surroundings.principals.arn_of_unique_id(call.tx, name))}
    return with_principals(text, replacements) if replacements else text
