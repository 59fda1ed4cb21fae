"""A decision is an object, never a bool: what was asked, what was decided, which statements decided it, what was missing.

Decisions are recorded on the call; the pipeline refuses to encode an answer for a call that has none (architecture,
law 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

ContextValue = str | bool | int | float | Sequence[str]
Context = Mapping[str, ContextValue]
"""Condition keys of a request -> their values. A key that the caller did not cause to exist is absent, not None."""

EMPTY_CONTEXT: Context = {}


class Outcome(StrEnum):
    """How an evaluation ended."""

    ALLOW = "allow"
    IMPLICIT_DENY = "implicit-deny"
    EXPLICIT_DENY = "explicit-deny"


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A policy statement that took part in the decision."""

    policy: str
    sid: str
    index: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one check of the chain."""

    outcome: Outcome
    action: str
    resource: str
    principal: str
    matched: tuple[MatchedStatement, ...] = ()
    missing: str = ""
    """Where an allow was missing: identity-policy, resource-policy, key-policy, …"""

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOW


def denial_text(decision: Decision) -> str:
    """AWS's sentence for a denial (IAM user guide, "Troubleshoot access denied error messages").

    `on resource:` is left out where the action has no resource type and was checked against `*`.
    """
    subject = f"User: {decision.principal} is not authorized to perform: {decision.action}"
    if decision.resource != "*":
        subject += f" on resource: {decision.resource}"
    if decision.outcome is Outcome.EXPLICIT_DENY:
        return f"{subject} with an explicit deny in an {decision.missing or 'identity-based policy'}"
    kind = {"resource-policy": "resource-based", "key-policy": "resource-based"}.get(decision.missing, "identity-based")
    return f"{subject} because no {kind} policy allows the {decision.action} action"
