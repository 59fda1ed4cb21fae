"""Evaluation: identity, request and the policies of the resource -> Decision.

The order (IAM user guide, "How AWS enforcement code logic evaluates requests"; KMS developer guide, "Troubleshooting key
access"):

1. An explicit deny in any policy denies.
2. What the resource policy allows a user, a session or `*` directly is allowed; what it allows a role is limited by the
   role's boundary and session policies; what it allows an account its principals need of their own policies too.
3. Otherwise identity policies, boundary and session policies must all allow.
4. Keys and roles are reached through their own policy only: if it names nobody, identity policies do not count. A KMS
   grant allows like a statement of the key policy that names the grantee.
5. Across accounts both sides must allow. A grant is enough alone, as key policies and grants belong to the key's owner
   and service-linked roles of other accounts live by them ("Required key policy for use with encrypted volumes").

The root user's own side always allows, so does a service-linked role's within its account; service principals and web
identities have no own side. The operator runs the server; secrets are for principals of the account.

INVARIANT: no path allows without an allow that was found, and none allows in the presence of an explicit deny.

A decision that depends on nothing but the question itself is kept (`_Kept`) and given again: identities and compiled
policies never change, whoever keeps them makes new ones when a row has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal

from holdfast.access.decision import GRANT, Decision, MatchedStatement, Outcome, PolicyKind
from holdfast.access.keys import is_service_principal, reader_of
from holdfast.access.matched import NearMiss
from holdfast.access.principal import PrincipalKind
from holdfast.access.principals import Directness, PrincipalElement
from holdfast.remember import remember

if TYPE_CHECKING:
    from holdfast.access.grounds import GrantStatement, Identity
    from holdfast.access.policy import CompiledPolicy
    from holdfast.access.request import AccessRequest

ResourceKind = Literal["resource", "key", "trust"]

ROOT_STATEMENT: Final = MatchedStatement("root user of the account", "", 0)
ROOT_MATCHED: Final = (ROOT_STATEMENT,)
OPERATOR_STATEMENT = MatchedStatement("operator of the data directory", "", 0)
SERVICE_STATEMENT = MatchedStatement("service-linked role of the account", "", 0)

KINDS_OF_RESOURCES: dict[ResourceKind, PolicyKind] = {
    "resource": PolicyKind.RESOURCE,
    "key": PolicyKind.KEY,
    "trust": PolicyKind.TRUST,
}
_CONSTRAINED = frozenset(
    {
        "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
    }
)  # fmt: skip
"""Grant operations that have an encryption context, to which a constraint can apply."""
_ENCRYPTION_CONTEXT = "kms:EncryptionContext:"
_source_arn = reader_of("aws:SourceArn")

KEPT_DECISIONS = 8192
"""Of all identities together. A decision takes about 300 bytes; what it refers to lives elsewhere."""
KEPT_LENGTH = 512
"""The longest resource and value that are kept: names that callers invent shall not fill the memory."""
_Question = tuple["Identity", str, str, str, "CompiledPolicy | None", str]


class _Kept:
    """The decisions on one question, by the values of the service's condition keys that the policies ask for.

    Measured: a fifth of the time of deciding by the fixed policy of an AWS managed key.
    """

    __slots__ = ("_decisions", "_keys")

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = tuple((key, key.lower()) for key in keys)
        self._decisions: dict[tuple[str | None, ...], Decision] = {}

    def values(self, request: AccessRequest) -> tuple[str | None, ...] | None:
        """What the policies will read; None when a value is too long, or no text: 1, 1.0 and True are one key of a
        dictionary."""
        if not self._keys:
            return ()
        context = request.context
        values: list[str | None] = []
        for key, folded in self._keys:
            value = context.get(key)
            if value is None:
                value = request.contextual(key, folded)
            if value is not None and (type(value) is not str or len(value) > KEPT_LENGTH):
                return None
            values.append(value)
        return tuple(values)

    def get(self, values: tuple[str | None, ...]) -> Decision | None:
        return self._decisions.get(values)

    def put(self, values: tuple[str | None, ...], decision: Decision) -> None:
        remember(self._decisions, values, decision, VALUES_OF_A_QUESTION)


VALUES_OF_A_QUESTION = 4
_kept: Final[dict[_Question, _Kept | None]] = {}
"""None for a question whose answer depends on more: a time, an address, a tag of the caller."""


def _keeper(question: _Question, request: AccessRequest) -> _Kept | None:
    """Where the answers to a question are kept from now on."""
    identity, _, _, _, resource_policy, _ = question
    policies = [*identity.policies, *(identity.session_policies or ())]
    policies += [policy for policy in (identity.boundary, resource_policy) if policy is not None]
    depends = [policy.depends(identity, request) for policy in policies]
    keys: set[str] = set()
    for each in depends:
        keys.update(each or ())
    kept = None if None in depends else _Kept(tuple(sorted(keys)))
    remember(_kept, question, kept, KEPT_DECISIONS)
    return kept


def evaluate(
    identity: Identity,
    request: AccessRequest,
    *,
    resource_policy: CompiledPolicy | None = None,
    resource_kind: ResourceKind = "resource",
    grants: Sequence[GrantStatement] = (),
) -> Decision:
    """Decide one check.

    `resource_policy` is the policy of the resource, if it has one; `resource_kind` says whether one is needed (`key`,
    `trust`). `grants` are those of the key, of any grantee.
    """
    principal = identity.principal
    if (
        resource_policy is None
        and principal.kind is PrincipalKind.ROOT
        and principal.account == request.owner
        and resource_kind == "resource"
        and not identity.policies
        and identity.boundary is None
        and identity.session_policies is None
    ):
        # Nothing can deny a root user in its own account: the same answer as below, without the way there.
        return Decision(Outcome.ALLOW, request.action, request.resource, principal.arn, ROOT_MATCHED)
    if grants or request.overrides or len(request.resource) > KEPT_LENGTH:
        return _evaluate(identity, request, resource_policy, resource_kind, grants)
    question = (identity, request.action, request.resource, request.owner, resource_policy, resource_kind)
    kept = _kept.get(question)
    if kept is None and question not in _kept:
        kept = _keeper(question, request)
    values = None if kept is None else kept.values(request)
    if kept is None or values is None:
        return _evaluate(identity, request, resource_policy, resource_kind, grants)
    decision = kept.get(values)
    if decision is None:
        decision = _evaluate(identity, request, resource_policy, resource_kind, grants)
        kept.put(values, decision)
    return decision


def _evaluate(
    identity: Identity,
    request: AccessRequest,
    resource_policy: CompiledPolicy | None,
    resource_kind: ResourceKind,
    grants: Sequence[GrantStatement],
) -> Decision:
    matched: list[MatchedStatement] = []
    own, denied = _own_side(identity, request, matched)
    limits: tuple[str, ...] = ()
    named = Directness.NOT
    if resource_policy is not None:
        assert resource_policy.kind is KINDS_OF_RESOURCES[resource_kind], "a policy of another kind than the resource"
        named, resource_denies = _resource_side(identity, request, resource_policy, matched)
        denied = denied or (resource_policy.kind if resource_denies else "")
    if identity.boundary is not None:
        boundary, boundary_denies = _policies((identity.boundary,), identity, request, matched)
        denied = denied or (PolicyKind.BOUNDARY if boundary_denies else "")
        if not boundary:
            limits = (PolicyKind.BOUNDARY,)
    if identity.session_policies is not None:
        session, session_denies = _policies(identity.session_policies, identity, request, matched)
        denied = denied or (PolicyKind.SESSION if session_denies else "")
        if not session:
            limits = (*limits, PolicyKind.SESSION)
    arn = identity.principal.arn
    if denied:
        return Decision(Outcome.EXPLICIT_DENY, request.action, request.resource, arn, tuple(matched), denied)
    same_account = identity.principal.account == request.owner
    if own and not limits and same_account and resource_kind == "resource":
        # The way of nearly every call.
        return Decision(Outcome.ALLOW, request.action, request.resource, arn, tuple(matched))
    if grants:
        granted = _granted(identity, request, grants, matched)
        named = max(named, granted)
        own = own or granted > Directness.ACCOUNT
    gaps = _gaps(identity, KINDS_OF_RESOURCES[resource_kind], same_account, own, limits, named)
    if not gaps:
        return Decision(Outcome.ALLOW, request.action, request.resource, arn, tuple(matched))
    near = _near_misses(identity, request, resource_policy, gaps)
    return Decision(
        Outcome.IMPLICIT_DENY, request.action, request.resource, arn, tuple(matched), gaps[0], gaps, near=near
    )


NEAR_MISSES = 5
"""How many are kept of one decision: it is stored."""


def _near_misses(
    identity: Identity, request: AccessRequest, resource_policy: CompiledPolicy | None, gaps: tuple[str, ...]
) -> tuple[NearMiss, ...]:
    """The statements at the places where an allow is missing that would have allowed, but for their conditions."""
    found: list[NearMiss] = []
    for place in gaps:
        if place == PolicyKind.IDENTITY:
            policies: Sequence[CompiledPolicy | None] = identity.policies
        elif place == PolicyKind.BOUNDARY:
            policies = (identity.boundary,)
        elif place == PolicyKind.SESSION:
            policies = identity.session_policies or ()
        else:
            policies = (resource_policy,)
        for policy in policies:
            for statement in () if policy is None else policy.candidates(identity, request):
                if not statement.allow or (policy is resource_policy and not statement.names(identity)):
                    continue
                miss = statement.near_miss(identity, request)
                if miss is not None:
                    found.append(miss)
    return tuple(found[:NEAR_MISSES])


def _own_side(identity: Identity, request: AccessRequest, matched: list[MatchedStatement]) -> tuple[bool, str]:
    """Whether the caller's own side allows, and the kind of an explicit deny there (empty without one)."""
    allowed = denies = False
    for statement in identity.statements(request):
        if statement.always or statement.applies(identity, request):
            matched.append(statement.matched)
            if statement.allow:
                allowed = True
            else:
                denies = True
    denied = PolicyKind.IDENTITY if denies else ""
    if allowed:
        return True, denied
    kind = identity.principal.kind
    if kind is PrincipalKind.USER or kind is PrincipalKind.ASSUMED_ROLE:
        return False, denied
    same_account = identity.principal.account == request.owner
    if kind is PrincipalKind.ROOT:
        matched.append(ROOT_STATEMENT)
        return True, denied
    if kind is PrincipalKind.SERVICE and same_account:
        matched.append(SERVICE_STATEMENT)
        return True, denied
    if kind is PrincipalKind.OPERATOR and same_account and request.action.startswith("holdfast:"):
        matched.append(OPERATOR_STATEMENT)
        return True, denied
    return False, denied


def _policies(
    policies: Sequence[CompiledPolicy], identity: Identity, request: AccessRequest, matched: list[MatchedStatement]
) -> tuple[bool, bool]:
    """Whether any of the policies allows, and whether any denies."""
    allows = denies = False
    for policy in policies:
        for statement in policy.candidates(identity, request):
            if statement.applies(identity, request):
                matched.append(statement.matched)
                if statement.allow:
                    allows = True
                else:
                    denies = True
    return allows, denies


def _has_own_side(identity: Identity) -> bool:
    """Whether policies of the caller's own could allow something."""
    return not (identity.principal.kind is PrincipalKind.WEB_IDENTITY or is_service_principal(identity.principal))


def _resource_side(
    identity: Identity, request: AccessRequest, policy: CompiledPolicy, matched: list[MatchedStatement]
) -> tuple[Directness, bool]:
    """How directly the resource's policy allows, and whether it denies."""
    directness = Directness.NOT
    denied = False
    for statement in policy.candidates(identity, request):
        named = statement.names(identity)
        if named and statement.applies(identity, request):
            matched.append(statement.matched)
            if not statement.allow:
                denied = True
            elif named > directness:
                directness = named
    return directness, denied


def _gaps(
    identity: Identity, kind: PolicyKind, same_account: bool, own: bool, limits: tuple[str, ...], named: Directness
) -> tuple[str, ...]:
    """The places where an allow is missing, the decisive one first; none when the request is allowed.

    `own` is whether the identity policies allow, `limits` are the boundary and session policies that do not, `named` is
    how directly the resource's policy allows.
    """
    if not _has_own_side(identity):
        return () if named else (kind,)
    if not same_account:
        return (*(() if own else (PolicyKind.IDENTITY,)), *limits, *(() if named else (kind,)))
    if named is Directness.DIRECT:
        return ()
    if named is Directness.ROLE:
        return limits
    if named is Directness.NOT and kind is not PolicyKind.RESOURCE:
        # Whoever writes the statement that is missing will name a role, whose limits count, or somebody directly.
        return (kind, *limits) if identity.principal.kind is PrincipalKind.ASSUMED_ROLE else (kind,)
    return limits if own else (PolicyKind.IDENTITY, *limits)


def _granted(
    identity: Identity, request: AccessRequest, grants: Sequence[GrantStatement], matched: list[MatchedStatement]
) -> Directness:
    """How directly the grants of a key allow the operation."""
    operation = request.action.partition(":")[2]
    directness = Directness.NOT
    for position, grant in enumerate(grants):
        if operation not in grant.operations:
            continue
        named = _grantee(grant.grantee).names(identity)
        if (
            named
            and _on_behalf_of(grant, operation, identity, request)
            and _constraint_holds(grant, operation, request)
        ):
            matched.append(MatchedStatement(f"grant {grant.grant_id}", "", position, "Allow", GRANT))
            directness = max(directness, named)
    return directness


def _grantee(grantee: str) -> PrincipalElement:
    kind = "AWS" if grantee.startswith(("arn:", "A")) or grantee.isdigit() else "Service"
    return PrincipalElement([(kind, grantee)], negated=False)


def _on_behalf_of(grant: GrantStatement, operation: str, identity: Identity, request: AccessRequest) -> bool:
    """Whether the call is made for the resource of the grant's SourceArn, where it has one.

    "This is effectively the same as having the aws:SourceArn global condition key in the grant. […] it does not apply to
    RetireGrant operation" (KMS API reference, GrantConstraints). Compared whole: a wildcard stands for itself.
    """
    return not grant.source_arn or operation == "RetireGrant" or _source_arn(identity, request) == grant.source_arn


def _constraint_holds(grant: GrantStatement, operation: str, request: AccessRequest) -> bool:
    """Whether the request's encryption context meets the grant's constraint, where the operation has one."""
    if operation not in _CONSTRAINED or (grant.equals is None and grant.subset is None):
        return True
    prefix = len(_ENCRYPTION_CONTEXT)
    context = constraint_pairs(
        (name[prefix:], value) for name, value in request.context.items() if name.startswith(_ENCRYPTION_CONTEXT)
    )
    if grant.equals is not None and context != constraint_pairs(grant.equals.items()):
        return False
    return grant.subset is None or not constraint_pairs(grant.subset.items()) - context


def constraint_pairs(context: Iterable[tuple[str, object]]) -> Counter[tuple[str, object]]:
    """An encryption context as a grant's constraint sees it: "the key in each key-value pair is not case sensitive, but the
    value is case sensitive" (KMS API reference, GrantConstraints)."""
    return Counter((key.lower(), value) for key, value in context)
