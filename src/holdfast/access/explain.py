"""Why was it denied, and what would change that? From a decision to the smallest statements that close its gaps.

Pure: a decision already names every place where an allow was missing, so neither policies nor a database are needed,
and what is said stays true for the moment of the decision. What to show to whom is decided elsewhere: a statement names
only what the caller asked for and the caller itself, never what a policy contains.

INVARIANT: with the statements of all gaps put where they belong, the check passes; with one gap, that one is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.access.decision import MatchedStatement, Outcome, PolicyKind
from holdfast.access.keys import is_service_principal
from holdfast.access.principal import PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.access.decision import Decision
    from holdfast.access.grounds import Identity

_OF_NEW_SECRETS = ("secretsmanager:CreateSecret", "secretsmanager:TagResource")
"""What CreateSecret asks for: about an ARN that is another one with the next attempt."""
_SUFFIX = 6
"""Characters that Secrets Manager appends to a name (API reference, CreateSecret, ARN)."""
_WITH_PRINCIPAL = (PolicyKind.RESOURCE, PolicyKind.KEY, PolicyKind.TRUST)


@dataclass(frozen=True, slots=True)
class Gap:
    """One place that has to change for the check to pass."""

    where: str
    """identity-policy, resource-policy, key-policy, trust-policy, permissions-boundary or session-policy."""
    statement: dict[str, Any] | None
    """To be added there, in a policy of version 2012-10-17; None when something has to go instead, or when no
    statement can help (an operator asking for what is the account's)."""
    remove: MatchedStatement | None = None
    """The statement that denies, to be removed or narrowed."""

    def as_json(self) -> dict[str, Any]:
        """`{"where", "statement"}`, or `{"where", "remove": {"policy", "sid", "index"}}`."""
        found: dict[str, Any] = {"where": self.where}
        if self.statement is not None:
            found["statement"] = self.statement
        if self.remove is not None:
            found["remove"] = {"policy": self.remove.policy, "sid": self.remove.sid, "index": self.remove.index}
        return found


def gaps_of(
    decision: Decision, identity: Identity, condition: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Gap, ...]:
    """What has to change for the check to pass, the decisive gap first; empty when it passed.

    For an explicit deny these are the statements to remove or narrow. Whether everything else would have allowed is
    not known then. `condition` is one that the request meets and that a statement shall be limited to.
    """
    if decision.allowed:
        return ()
    if decision.outcome is Outcome.EXPLICIT_DENY:
        first = [statement for statement in decision.denying if statement.kind == decision.missing]
        rest = [statement for statement in decision.denying if statement.kind != decision.missing]
        return tuple(Gap(statement.kind, None, statement) for statement in (*first, *rest))
    places = decision.gaps or (decision.missing,)
    if decision.final:
        return tuple(Gap(place, None) for place in places)
    return tuple(Gap(place, closing_statement(decision, identity, place, condition)) for place in places)


def decisive_gap(decision: Decision, identity: Identity) -> Gap | None:
    """The one gap to name first; None when the check passed."""
    gaps = gaps_of(decision, identity)
    return gaps[0] if gaps else None


def closing_statement(
    decision: Decision, identity: Identity, place: str, condition: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Any] | None:
    """The smallest statement that allows what was asked, as it has to stand at `place`."""
    if identity.principal.kind is PrincipalKind.OPERATOR:
        return None
    statement: dict[str, Any] = {"Effect": "Allow"}
    if place in _WITH_PRINCIPAL:
        statement["Principal"] = _principal_of(identity)
    statement["Action"] = decision.action
    if place == PolicyKind.RESOURCE and decision.action.startswith("ssm:"):
        # Parameter Store takes nothing but the parameter's ARN ("Working with shared parameters").
        statement["Resource"] = _literally(decision.resource)
    elif place in (PolicyKind.RESOURCE, PolicyKind.KEY):
        # In a resource's own policy `*` is that resource.
        statement["Resource"] = "*"
    elif place != PolicyKind.TRUST:
        statement["Resource"] = _resource_of(decision)
    if condition:
        statement["Condition"] = {operator: dict(keys) for operator, keys in condition.items()}
    return statement


def _principal_of(identity: Identity) -> dict[str, str]:
    """The caller as a Principal element: a role rather than one of its sessions."""
    principal = identity.principal
    if is_service_principal(principal):
        return {"Service": principal.service}
    if principal.kind is PrincipalKind.WEB_IDENTITY:
        return {"Federated": principal.arn}
    return {"AWS": identity.role_arn or principal.arn}


def _resource_of(decision: Decision) -> str:
    """The resource of the statement; any six characters may end a new secret's ARN."""
    if decision.action in _OF_NEW_SECRETS and decision.resource.startswith("arn:"):
        return _literally(decision.resource[:-_SUFFIX]) + "?" * _SUFFIX
    return _literally(decision.resource)


def _literally(resource: str) -> str:
    """A Resource element that matches this resource and no other; `*` for what is not an ARN, which nothing else
    matches."""
    if not resource.startswith("arn:"):
        return "*"
    escaped = resource.replace("$", "${$}").replace("*", "${*}").replace("?", "${?}")
    return escaped if "$" in resource or "*" in resource or "?" in resource else resource
