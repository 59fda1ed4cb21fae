"""Evaluation: (principal, action, resource, context) -> Decision.

Today an account has one principal, its root user, and jobs act as service-linked roles. AWS's rule for the root user:
the identity side always allows within its own account, and nothing at all in another one unless a resource policy says
so. Users, roles and policies come next and take this function's place without changing its face.
"""

from __future__ import annotations

from holdfast.access.decision import Context, Decision, MatchedStatement, Outcome
from holdfast.access.principal import Principal, PrincipalKind

ROOT_STATEMENT = (MatchedStatement("root user of the account", "", 0),)
OPERATOR_STATEMENT = (MatchedStatement("operator of the data directory", "", 0),)
SERVICE_STATEMENT = (MatchedStatement("service-linked role of the account", "", 0),)


def evaluate(principal: Principal, action: str, resource: str, resource_account: str, context: Context) -> Decision:
    """Decide one check. `resource_account` is the account that owns what `resource` names."""
    if principal.account != resource_account:
        return Decision(Outcome.IMPLICIT_DENY, action, resource, principal.arn, missing="resource-policy")
    if principal.kind is PrincipalKind.ROOT:
        return Decision(Outcome.ALLOW, action, resource, principal.arn, ROOT_STATEMENT)
    if principal.kind is PrincipalKind.SERVICE:
        return Decision(Outcome.ALLOW, action, resource, principal.arn, SERVICE_STATEMENT)
    if principal.kind is PrincipalKind.OPERATOR and action.startswith("holdfast:"):
        # The operator runs the server; secrets are for principals of the account.
        return Decision(Outcome.ALLOW, action, resource, principal.arn, OPERATOR_STATEMENT)
    return Decision(Outcome.IMPLICIT_DENY, action, resource, principal.arn, missing="identity-policy")
