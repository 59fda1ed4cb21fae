"""The policy simulator: policies, actions and resources -> what would be decided, and by which statements. Pure.

The evaluation is the one that decides real calls (`access.evaluate`). The only circumstance a simulation knows is the
time; every other condition key must be given, and those that are missing are named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.decision import Context, ContextValue, Decision, Outcome
from holdfast.access.evaluate import evaluate
from holdfast.access.keys import iso_instant, reader_of
from holdfast.access.policy import CompiledPolicy, PolicyError, PolicyKind, compile_policy, read_policy
from holdfast.access.request import AccessRequest
from holdfast.api import iam

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity

DECISIONS = {
    Outcome.ALLOW: "allowed",
    Outcome.IMPLICIT_DENY: "implicitDeny",
    Outcome.EXPLICIT_DENY: "explicitDeny",
}
EFFECTS = {Outcome.ALLOW: "Allow", Outcome.EXPLICIT_DENY: "Deny"}
IAM_POLICY = "IAM Policy"
RESOURCE_POLICY = "Resource Policy"

# Nothing in it reaches over another "$": a document full of openings is read once, not once for each of them.
_VARIABLE = re.compile(r"\$\{([^*?$,{}][^$,{}]*)(?:,[^$}]*)?\}")
_INLINE = re.compile(r"inline policy (.+) on (user|group|role)/(.+)")
_SPACE = " \t\n\r"


class Source(NamedTuple):
    """A policy of a simulation: what an answer calls it, and its text."""

    id: str
    text: str


def source_id(name: str) -> str:
    """What the simulator calls a policy that explanations call `name`: a managed one by its name, an inline one
    `user_alice_read`."""
    inline = _INLINE.fullmatch(name)
    return f"{inline[2]}_{inline[3]}_{inline[1]}" if inline else name.rsplit("/", 1)[-1]


class Scene:
    """What stays the same through a simulation. `sources` are the policies that take part, with their kinds."""

    def __init__(
        self,
        identity: Identity,
        owner: str,
        sources: Sequence[tuple[Source, PolicyKind]],
        resource_policy: CompiledPolicy | None,
        context: Context,
    ) -> None:
        self.identity = identity
        self.owner = owner
        """The account that owns the resources."""
        self.resource_policy = resource_policy
        self.context = context
        """What the client says about the request."""
        keys = dict.fromkeys(key for source, kind in sources for key in context_keys(source.text, kind))
        self.readers = [(key, reader_of(key)) for key in keys]
        """The condition keys that the policies ask for."""
        self._sources = [source for source, _ in sources]
        self._spans: dict[str, list[tuple[iam.Position, iam.Position]]] = {}

    def statement(self, policy: str, index: int, kind: str) -> iam.Statement:
        """A statement as an answer shows it; `policy` is the name that `compile_all` gave."""
        source = self._sources[int(policy)]
        spans = self._spans.get(policy)
        if spans is None:
            spans = [
                (_position(source.text, start), _position(source.text, end))
                for start, end in statement_spans(source.text)
            ]
            self._spans[policy] = spans
        start, end = spans[index]
        return iam.Statement(
            SourcePolicyId=source.id,
            SourcePolicyType=RESOURCE_POLICY if kind == PolicyKind.RESOURCE else IAM_POLICY,
            StartPosition=start,
            EndPosition=end,
        )


def compile_all(sources: Sequence[tuple[Source, PolicyKind]]) -> list[CompiledPolicy]:
    """The policies of a simulation; InvalidInput. Each is named by its number, since two may have one id."""
    found: list[CompiledPolicy] = []
    for number, (source, kind) in enumerate(sources):
        try:
            found.append(compile_policy(source.text, name=str(number), kind=kind))
        except PolicyError as error:
            raise iam.InvalidInputException(f"Invalid policy {source.id}: {error.message}") from None
    return found


def context_keys(text: str, kind: PolicyKind) -> list[str]:
    """The condition keys that a policy asks for, in conditions and in variables, each once; InvalidInput."""
    try:
        document = read_policy(text, kind)
    except PolicyError as error:
        raise iam.InvalidInputException(error.message) from None
    found: dict[str, None] = {}
    for statement in document.statements:
        texts = list(statement.resources)
        for _, key, values in statement.conditions:
            found[key] = None
            texts += values
        if document.version == "2012-10-17":
            for each in texts:
                found.update(dict.fromkeys(name.strip() for name in _VARIABLE.findall(each)))
    return list(found)


def given_context(entries: Sequence[iam.ContextEntry] | None, now: int) -> dict[str, ContextValue]:
    """The condition keys of a simulation: the time, and what the client gives."""
    context: dict[str, ContextValue] = {"aws:CurrentTime": iso_instant(now), "aws:EpochTime": now // 1000}
    for entry in entries or ():
        values = entry.ContextKeyValues or []
        several = (entry.ContextKeyType or "").endswith("List")
        if not entry.ContextKeyName or (not several and len(values) != 1):
            raise iam.InvalidInputException(f"Invalid context entry: {entry.ContextKeyName}")
        context[entry.ContextKeyName] = tuple(values) if several else values[0]
    return context


# -- positions ----------------------------------------------------------------------------------------------------------


def statement_spans(text: str) -> list[tuple[int, int]]:
    """Where each statement of a valid policy stands: a statement begins where the one before it, or the bracket, ends."""
    decode = json.JSONDecoder().raw_decode

    def skip(position: int, characters: str = _SPACE) -> int:
        while text[position] in characters:
            position += 1
        return position

    position = skip(skip(0) + 1)
    while text[position] != "}":
        name, position = decode(text, position)
        position = skip(position, _SPACE + ":")
        if name != "Statement":
            position = skip(decode(text, position)[1], _SPACE + ",")
            continue
        if text[position] != "[":
            return [(position, decode(text, position)[1])]
        spans: list[tuple[int, int]] = []
        start = position + 1
        while text[position := skip(start, _SPACE + ",")] != "]":
            end = decode(text, position)[1]
            spans.append((start, end))
            start = end
        return spans
    return []


def _position(text: str, offset: int) -> iam.Position:
    """Line and column, both from 1."""
    return iam.Position(Line=text.count("\n", 0, offset) + 1, Column=offset - text.rfind("\n", 0, offset))


# -- results ------------------------------------------------------------------------------------------------------------


def simulate(scene: Scene, action: str, resource: str) -> iam.EvaluationResult:
    """What would be decided about one action on one resource."""
    request = AccessRequest(action, resource, scene.owner, overrides=scene.context)
    decision = evaluate(scene.identity, request, resource_policy=scene.resource_policy)
    result = iam.EvaluationResult(
        EvalActionName=action,
        EvalResourceName=resource,
        EvalDecision=DECISIONS[decision.outcome],
        MatchedStatements=_matched(scene, decision),
        MissingContextValues=_missing(scene, request),
    )
    if scene.identity.boundary is not None:
        effects = {each.effect for each in decision.matched if each.kind == PolicyKind.BOUNDARY}
        result.PermissionsBoundaryDecisionDetail = iam.PermissionsBoundaryDecisionDetail(
            AllowedByPermissionsBoundary=effects == {"Allow"}
        )
    return result


def resource_specific(result: iam.EvaluationResult) -> iam.ResourceSpecificResult:
    """The same result as that of one resource of the list that was asked about."""
    return iam.ResourceSpecificResult(
        EvalResourceName=result.EvalResourceName,
        EvalResourceDecision=result.EvalDecision,
        MatchedStatements=result.MatchedStatements,
        MissingContextValues=result.MissingContextValues,
        PermissionsBoundaryDecisionDetail=result.PermissionsBoundaryDecisionDetail,
    )


def _matched(scene: Scene, decision: Decision) -> list[iam.Statement]:
    """The statements that decided: those that allow, or those that deny."""
    effect = EFFECTS.get(decision.outcome)
    return [scene.statement(each.policy, each.index, each.kind) for each in decision.matched if each.effect == effect]


def _missing(scene: Scene, request: AccessRequest) -> list[str]:
    """The condition keys that the policies ask for and that have no value."""
    return [key for key, read in scene.readers if read(scene.identity, request) is None]
