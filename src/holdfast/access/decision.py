"""A decision is an object, never a bool: what was asked, what was decided, which statements decided it, what was missing.

Decisions are recorded on the call; the pipeline refuses to encode an answer for a call that has none (architecture,
law 2). A denial keeps every place where an allow was missing, the decisive one first, so that it can be explained after
the policies have changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from holdfast.access.matched import GRANT, MatchedStatement, NearMiss, PolicyKind

__all__ = [
    "EMPTY_CONTEXT", "GRANT", "Context", "ContextValue", "Decision", "MatchedStatement", "Outcome", "PolicyKind",
    "denial_text",
]  # fmt: skip

ContextValue = str | bool | int | float | Sequence[str]
Context = Mapping[str, ContextValue]
"""Condition keys of a request -> their values. A key that the caller did not cause to exist is absent, not None.

A sequence is a multivalued key even when it has one member: only `ForAllValues:` and `ForAnyValue:` test it.
"""

EMPTY_CONTEXT: Context = {}


class Outcome(StrEnum):
    """How an evaluation ended."""

    ALLOW = "allow"
    IMPLICIT_DENY = "implicit-deny"
    EXPLICIT_DENY = "explicit-deny"


class Decision(msgspec.Struct, frozen=True):
    """The answer to one check of the chain."""

    outcome: Outcome
    action: str
    resource: str
    principal: str
    matched: tuple[MatchedStatement, ...] = ()
    """Every statement that matched the request, allows and denies, in the order in which the policies were read."""
    missing: str = ""
    """The decisive place: where an allow was missing, or for an explicit deny which kind of policy denied."""
    gaps: tuple[str, ...] = ()
    """Every place where an allow was missing, the decisive one first: all of them are needed for an allow."""
    final: bool = False
    """No statement anywhere would help: the operation is not for this caller."""
    told: Decision | None = None
    """What the caller may learn of a denial at another account's resource, where the truth would say more; None when the
    whole of it may be told."""
    near: tuple[NearMiss, ...] = ()
    """Of an implicit deny: the statements at the places of `gaps` that would have allowed, but for their conditions."""

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOW

    @property
    def denying(self) -> tuple[MatchedStatement, ...]:
        """The statements of an explicit deny."""
        return tuple(statement for statement in self.matched if statement.effect == "Deny")


_LACKING: dict[str, str] = {
    PolicyKind.RESOURCE: "resource-based policy",
    PolicyKind.KEY: "resource-based policy",
    PolicyKind.TRUST: "role trust policy",
    PolicyKind.BOUNDARY: "permissions boundary",
    PolicyKind.SESSION: "session policy",
}
_DENYING: dict[str, str] = {
    PolicyKind.RESOURCE: "a resource-based policy",
    PolicyKind.KEY: "a resource-based policy",
    PolicyKind.TRUST: "the role trust policy",
    PolicyKind.BOUNDARY: "a permissions boundary",
    PolicyKind.SESSION: "a session policy",
}
_OWN_SIDE = (PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION)


def denial_text(decision: Decision) -> str:
    """AWS's sentence for a denial (IAM user guide, "Troubleshoot access denied error messages").

    `on resource:` is left out where the action has no resource type and was checked against `*`. An explicit deny of
    the caller's own side ends with the ARN of the managed policy that denied, as AWS's does; inline policies have none.
    """
    subject = f"User: {decision.principal} is not authorized to perform: {decision.action}"
    if decision.resource != "*":
        subject += f" on resource: {decision.resource}"
    if decision.outcome is not Outcome.EXPLICIT_DENY:
        kind = _LACKING.get(decision.missing, "identity-based policy")
        return f"{subject} because no {kind} allows the {decision.action} action"
    text = f"{subject} with an explicit deny in {_DENYING.get(decision.missing, 'an identity-based policy')}"
    for statement in decision.denying:
        if statement.kind == decision.missing:
            return f"{text}: {statement.policy}" if _has_arn(statement) else text
    return text


def _has_arn(statement: MatchedStatement) -> bool:
    return statement.kind in _OWN_SIDE and statement.policy.startswith("arn:")
