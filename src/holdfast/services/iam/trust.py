"""Trust policies: kept as they were given, evaluated by unique ids, shown with the ARNs of today.

What a role's row holds is the text and a map from each user and role that it names to the unique id behind the name when
the policy was saved. So a role that trusted `user/alice` trusts nobody after alice was deleted, also when there is
another alice, and shows `AIDA…` in her place; and it shows her new ARN when she was renamed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.access.policy import PolicyError, PolicyKind, compile_policy
from holdfast.access.principals import named_principals, with_principals
from holdfast.api import iam
from holdfast.services.iam import rules
from holdfast.services.iam.unique_ids import arn_of_unique_id, is_service_role, unique_id

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.iam.records import Role
    from holdfast.store.transaction import Transaction


def name_of(role_name: str) -> str:
    """What explanations call the trust policy of a role."""
    return f"trust policy of role/{role_name}"


def accepted(call: Call, text: str, role_name: str) -> str:
    """The `trusted` column for a trust policy that a client sends.

    Raises MalformedPolicyDocument, also for a user or role that does not exist, and LimitExceeded.
    """
    rules.check_size(text, "ACLSizePerRole")
    try:
        compile_policy(text, name=name_of(role_name), kind=PolicyKind.TRUST)
    except PolicyError as error:
        raise iam.MalformedPolicyDocumentException(error.message) from None
    trusted: dict[str, str] = {}
    for name in named_principals(text):
        if is_service_role(name):
            continue
        if name.startswith("arn:"):
            found = unique_id(call.tx, name, call.partition)
        else:
            found = name if arn_of_unique_id(call.tx, name) else None
        if found is None:
            raise iam.MalformedPolicyDocumentException(f'Invalid principal in policy: "AWS":"{name}"')
        trusted[name] = found
    return json.dumps(trusted)


def evaluated(role: Role) -> str:
    """The trust policy as it is put to callers: unique ids in the place of users and roles."""
    return with_principals(role.trust, json.loads(role.trusted))


def shown(tx: Transaction, role: Role, partition: str) -> str:
    """The trust policy as clients see it: ARNs, or the id of what was deleted; to the byte as it was given, if nobody in
    it has changed."""
    replacements: dict[str, str] = {}
    for name, found in json.loads(role.trusted).items():
        today = arn_of_unique_id(tx, found, partition) or found
        if today != name:
            replacements[name] = today
    return with_principals(role.trust, replacements)
