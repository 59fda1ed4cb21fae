"""Who may read a parameter that a name or an ARN points to: one's own, a public one, one that is shared.

INVARIANT: across accounts nothing is read without a resource policy, and a caller of another account is denied in exactly
the words in which a parameter that does not exist is denied: whether there is one is the owner's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import denial_text
from holdfast.access.evaluate import evaluate
from holdfast.access.request import AccessRequest
from holdfast.api.base import AccessDeniedException
from holdfast.services.ssm.answers import tag_context
from holdfast.services.ssm.resource_policies import compiled
from holdfast.services.ssm.rules import PUBLIC

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.ssm.rules import Reference


def authorize(call: Call, action: str, reference: Reference, tags: str, resource_policy: str) -> None:
    """Raise AccessDeniedException unless the caller may do `action`. `tags` and `resource_policy` are the parameter's,
    empty when there is none."""
    # What the operator publishes is everybody's own: their identity policies decide.
    owner = call.account if reference.account == PUBLIC else reference.account
    policy = compiled(resource_policy)
    decision = call.check(action, reference.arn, tag_context(tags), owner=owner, resource_policy=policy)
    if decision.allowed:
        return
    if owner != call.account:
        decision = evaluate(call.identity, AccessRequest(action, reference.arn, owner, {}, call))
        call.conceal(decision)
    raise AccessDeniedException(denial_text(decision))
