"""A policy compiled for evaluation.

Compiling happens once for each version of a policy (whoever keeps policies caches them); evaluating happens with every
call. So a compiled policy remembers for each action which statements it concerns, and for an action with many of them
keeps an index by the literal text that their resource patterns start with. A thousand statements about other actions or
other resources cost a few look-ups.

INVARIANT: an index only leaves out statements that cannot match; what it returns is checked in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from holdfast.access.comparisons import any_of
from holdfast.access.conditions import Condition, compile_condition
from holdfast.access.decision import MatchedStatement, PolicyKind
from holdfast.access.document import PolicyError
from holdfast.access.grammar import CURRENT, PolicyDocument, Statement, demand_current_version, read_policy
from holdfast.access.keys import reader_of
from holdfast.access.matched import NearMiss, UnmetCondition
from holdfast.access.patterns import Match, Pattern
from holdfast.access.principals import Directness

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity
    from holdfast.access.request import AccessRequest

__all__ = [
    "CompiledPolicy", "CompiledStatement", "PolicyDocument", "PolicyError", "PolicyKind", "compile_policy",
    "demand_current_version", "read_policy",
]  # fmt: skip

INDEX_FROM = 12
"""From how many statements for one action an index is worth more than looking at each."""
REMEMBERED_ACTIONS = 512
"""How many actions a policy remembers; a simulation may ask for any number of invented ones."""


class CompiledStatement:
    """One statement, ready to be put to requests."""

    __slots__ = (
        "_actions", "_actions_negated", "_conditions", "_fixed", "_named", "_resources", "allow", "always", "depends",
        "matched", "patterns", "principal",
    )  # fmt: skip

    def __init__(self, statement: Statement, policy: str, kind: PolicyKind, *, variables: bool) -> None:
        self.allow = statement.allow
        effect = "Allow" if statement.allow else "Deny"
        self.matched = MatchedStatement(policy, statement.sid, statement.index, effect, kind)
        """What a decision keeps of it."""
        self.principal = statement.principal
        self._actions = [Pattern(action.lower(), variables=False) for action in statement.actions]
        self._actions_negated = statement.actions_negated
        patterns = [Pattern(resource, variables=variables) for resource in statement.resources]
        self.patterns: list[Pattern] | None = None if statement.resources_negated else patterns
        """Resource patterns for an index; None when what is listed is left out."""
        self._resources = _resources_match(patterns, statement)
        self._fixed = not any(pattern.variable for pattern in patterns)
        self._conditions: tuple[Condition, ...] = tuple(
            compile_condition(operator, key, values, variables=variables)
            for operator, key, values in statement.conditions
        )
        self._named = tuple((operator, key) for operator, key, _ in statement.conditions)
        self.always = self._fixed and not self._conditions
        """Whether it applies to every request that `may_be_about` says it is about."""
        self.depends = _depends(statement)
        """Condition keys of the service that the statement asks for beside caller, action and resource; None when it asks
        for anything else: a global key, a policy variable."""

    def concerns(self, action: str, identity: Identity, request: AccessRequest) -> bool:
        """Whether the statement is about an action, given in lower case."""
        return any(pattern.match(action, identity, request) for pattern in self._actions) is not self._actions_negated

    def applies(self, identity: Identity, request: AccessRequest) -> bool:
        """Whether resource and conditions match; the action is known to."""
        resources = self._resources
        if resources is not None and not resources(request.resource, identity, request):
            return False
        for condition in self._conditions:  # noqa: SIM110 - the hot path
            if not condition(identity, request):
                return False
        return True

    def near_miss(self, identity: Identity, request: AccessRequest) -> NearMiss | None:
        """What kept the statement from applying, if it was nothing but conditions; the action is known to match."""
        resources = self._resources
        if resources is not None and not resources(request.resource, identity, request):
            return None
        unmet = tuple(
            UnmetCondition(operator, key, bool(reader_of(key)(identity, request)))
            for condition, (operator, key) in zip(self._conditions, self._named, strict=True)
            if not condition(identity, request)
        )
        return NearMiss(self.matched, unmet) if unmet else None

    def may_be_about(self, identity: Identity, request: AccessRequest) -> bool:
        """Whether the resource matches, as far as the policy's text alone says it: the same for every request."""
        resources = self._resources
        return not self._fixed or resources is None or resources(request.resource, identity, request)

    def names(self, identity: Identity) -> Directness:
        """How a resource policy's statement names the caller."""
        return Directness.NOT if self.principal is None else self.principal.names(identity)


def _depends(statement: Statement) -> frozenset[str] | None:
    keys: set[str] = set()
    for _, key, values in statement.conditions:
        if key.lower().startswith("aws:") or any("${" in value for value in values):
            return None
        keys.add(key)
    texts = (*statement.actions, *statement.resources)
    return None if any("${" in text for text in texts) else frozenset(keys)


def _resources_match(patterns: list[Pattern], statement: Statement) -> Match | None:
    """The matcher of a Resource or NotResource element; None when every resource matches."""
    negated = statement.resources_negated
    if any(pattern.anything for pattern in patterns):
        return (lambda text, identity, request: False) if negated else None
    match = any_of(patterns)
    if not negated:
        return match
    if not statement.allow:
        return lambda text, identity, request: not match(text, identity, request)

    def not_match(text: str, identity: Identity, request: AccessRequest) -> bool:
        # "The resource that includes a policy variable with no value will not match any resource": an Allow must not
        # take that for leave to reach what it means to leave out.
        return not any(pattern.could_match(text, identity, request) for pattern in patterns)

    return not_match


class _Index:
    """The statements about one action, found by resource."""

    __slots__ = ("_always", "_exact", "_lengths", "_prefixes", "_statements")

    def __init__(self, statements: Sequence[CompiledStatement]) -> None:
        self._statements = statements
        self._always: list[int] = []
        self._exact: dict[str, list[int]] = {}
        self._prefixes: dict[str, list[int]] = {}
        for position, statement in enumerate(statements):
            if statement.patterns is None or any(p.exact is None and not p.prefix for p in statement.patterns):
                self._always.append(position)
                continue
            for pattern in statement.patterns:
                table = self._prefixes if pattern.exact is None else self._exact
                table.setdefault(pattern.prefix, []).append(position)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def candidates(self, resource: str) -> Sequence[CompiledStatement]:
        found = set(self._always)
        found.update(self._exact.get(resource, ()))
        for length in self._lengths:
            found.update(self._prefixes.get(resource[:length], ()))
        statements = self._statements
        return [statements[position] for position in sorted(found)]


_Selection: TypeAlias = "tuple[CompiledStatement, ...] | _Index"


class CompiledPolicy:
    """A policy ready for evaluation, made by `compile_policy`."""

    __slots__ = ("_depends", "_selected", "kind", "name", "statements", "version")

    def __init__(self, document: PolicyDocument, name: str, kind: PolicyKind) -> None:
        self.name = name
        """Its ARN, or words such as `inline policy read on user/alice`."""
        self.kind = kind
        self.version = document.version
        variables = document.version == CURRENT
        self.statements = tuple(
            CompiledStatement(statement, name, kind, variables=variables) for statement in document.statements
        )
        self._selected: dict[str, _Selection] = {}
        self._depends: dict[str, frozenset[str] | None] = {}

    def __repr__(self) -> str:
        return f"CompiledPolicy({self.name!r}, {len(self.statements)} statements)"

    def candidates(self, identity: Identity, request: AccessRequest) -> Sequence[CompiledStatement]:
        """The statements about the request's action that may be about its resource, in the policy's order."""
        selected = self._selected.get(request.action)
        if selected is None:
            selected = self._select(identity, request)
        if isinstance(selected, tuple):
            return selected
        return selected.candidates(request.resource)

    def depends(self, identity: Identity, request: AccessRequest) -> frozenset[str] | None:
        """`CompiledStatement.depends` of everything that the policy says about the request's action."""
        if request.action not in self._selected:
            self._select(identity, request)
        return self._depends[request.action]

    def _select(self, identity: Identity, request: AccessRequest) -> _Selection:
        action = request.action.lower()
        found = tuple(statement for statement in self.statements if statement.concerns(action, identity, request))
        selected = found if len(found) < INDEX_FROM else _Index(found)
        if len(self._selected) >= REMEMBERED_ACTIONS:
            self._selected.clear()
            self._depends.clear()
        self._selected[request.action] = selected
        each = [statement.depends for statement in found]
        known = [keys for keys in each if keys is not None]
        self._depends[request.action] = frozenset[str]().union(*known) if len(known) == len(each) else None
        return selected


def compile_policy(text: str, *, name: str, kind: PolicyKind) -> CompiledPolicy:
    """Check a policy document and compile it; raises PolicyError with AWS's text."""
    return CompiledPolicy(read_policy(text, kind), name, kind)
