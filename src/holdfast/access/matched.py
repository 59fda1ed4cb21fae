"""Statements that took part in a decision, and those that only their conditions kept from it.

Stored with a denial and read again by `msgspec`, which needs the types of all members: mypyc keeps only `tuple` of a
`tuple[…]`, so this module is not compiled (docs/adr/0020).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PolicyKind(StrEnum):
    """Where a policy stands. The value is the place's name in explanations."""

    IDENTITY = "identity-policy"
    RESOURCE = "resource-policy"
    KEY = "key-policy"
    TRUST = "trust-policy"
    BOUNDARY = "permissions-boundary"
    SESSION = "session-policy"


GRANT = "grant"
"""The kind of a matched KMS grant, which is not a policy but allows like one."""


@dataclass(frozen=True, slots=True)
class MatchedStatement:
    """A policy statement that took part in the decision."""

    policy: str
    """The policy's ARN, or words for one that has none: `inline policy read on user/alice`, `grant 0c237476…`."""
    sid: str
    index: int
    effect: str = "Allow"
    kind: str = PolicyKind.IDENTITY


@dataclass(frozen=True, slots=True)
class UnmetCondition:
    """A condition that a request did not meet. Neither the policy's values nor the request's are in it."""

    operator: str
    """As the policy spells it: `IpAddress`, `ForAnyValue:StringLike`."""
    key: str
    present: bool
    """Whether the request had the key at all."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A statement that would have allowed, but for its conditions."""

    statement: MatchedStatement
    unmet: tuple[UnmetCondition, ...]
