"""SimulateCustomPolicy, SimulatePrincipalPolicy and the condition keys that policies ask for, in the model's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.access.grounds import Identity
from holdfast.access.policy import PolicyKind
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.api import iam
from holdfast.api.base import NotImplementedException
from holdfast.services.arn import parse_arn
from holdfast.services.iam import records, rules
from holdfast.services.iam.identities import PolicyText, identity_of_group, identity_of_role, identity_of_user
from holdfast.services.iam.owners import identity_tags
from holdfast.services.iam.pages import PAGE, page_of
from holdfast.services.iam.simulation import (
    Scene,
    Source,
    compile_all,
    context_keys,
    given_context,
    resource_specific,
    simulate,
    source_id,
)
from holdfast.services.stored_tags import decode_tags

if TYPE_CHECKING:
    from holdfast.services.call import Call

NOBODY = ""
MOST_RESULTS = 200
"""In one answer, however many are asked for: each is an evaluation."""


class Subject:
    """Whose policies a simulation is about."""

    def __init__(self, principal: Principal, policies: Sequence[PolicyText], boundary: PolicyText | None) -> None:
        self.principal = principal
        self.policies = [Source(source_id(policy.name), policy.text) for policy in policies]
        self.boundary = None if boundary is None else Source(source_id(boundary.name), boundary.text)
        self.tags: dict[str, str] = {}


def _subject(call: Call, arn: str | None, action: str) -> Subject:
    """The user, group or role that is named; InvalidInput, AccessDenied, NoSuchEntity."""
    parts = rules.entity_arn_parts(arn or "")
    if arn is None or parts is None:
        raise iam.InvalidInputException(f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    account, kind, name = parts
    found = None
    if account == call.account and kind != "group":
        found = (records.read_user if kind == "user" else records.read_role)(call.tx, account, name)
    call.authorize(action, arn, {} if found is None else identity_tags(found.tags), owner=account)
    if kind == "group":
        policies = identity_of_group(call.tx, account, name)
        if policies is None:
            raise rules.not_found(kind, name)
        return Subject(_nobody(call), policies, None)
    read = identity_of_user if kind == "user" else identity_of_role
    identity = read(call.tx, account, name, call.partition)
    if identity is None:
        raise rules.not_found(kind, name)
    principal_kind = PrincipalKind.USER if kind == "user" else PrincipalKind.ASSUMED_ROLE
    principal = Principal(principal_kind, account, identity.arn, identity[0])
    subject = Subject(principal, identity.policies, identity.boundary)
    subject.tags = dict(identity.tags)
    return subject


def _nobody(call: Call) -> Principal:
    """A caller of whom nothing is known: condition keys about it have no value."""
    return Principal(PrincipalKind.FEDERATED_USER, call.account, NOBODY, NOBODY)


def _caller(call: Call, arn: str | None, otherwise: Subject | None) -> tuple[Principal, dict[str, str]]:
    """Who calls in the simulation, and its tags."""
    if arn is None:
        return (otherwise.principal, otherwise.tags) if otherwise else (_nobody(call), {})
    parts = rules.entity_arn_parts(arn)
    if parts is None or parts[1] != "user":
        raise iam.InvalidInputException(f"CallerArn {arn} must be the ARN of an IAM user.")
    account, _, name = parts
    user = records.read_user(call.tx, account, name) if account == call.account else None
    principal = Principal(PrincipalKind.USER, account, arn, NOBODY if user is None else user.id)
    return principal, {} if user is None else decode_tags(user.tags)


def _scene(
    call: Call,
    value: iam.SimulateCustomPolicyRequest | iam.SimulatePrincipalPolicyRequest,
    subject: Subject | None,
) -> Scene:
    """Put everything together; InvalidInput."""
    given = [Source(f"PolicyInputList.{n}", text) for n, text in enumerate(value.PolicyInputList or (), 1)]
    own = [*(subject.policies if subject else ()), *given]
    limits = [
        Source(f"PermissionsBoundaryPolicyInputList.{n}", text)
        for n, text in enumerate(value.PermissionsBoundaryPolicyInputList or (), 1)
    ]
    if len(limits) > 1:
        raise iam.InvalidInputException("Only one permissions boundary policy can be simulated.")
    if not limits and subject is not None and subject.boundary is not None:
        limits = [subject.boundary]
    of_resource = [Source("ResourcePolicy", value.ResourcePolicy)] if value.ResourcePolicy else []
    principal, tags = _caller(call, value.CallerArn, subject)
    if of_resource and principal.arn == NOBODY:
        raise iam.InvalidInputException("CallerArn is required with a resource policy.")
    sources = [
        *((source, PolicyKind.IDENTITY) for source in own),
        *((source, PolicyKind.BOUNDARY) for source in limits),
        *((source, PolicyKind.RESOURCE) for source in of_resource),
    ]
    policies = compile_all(sources)
    identity = Identity(
        principal,
        tuple(policies[: len(own)]),
        boundary=policies[len(own)] if limits else None,
        role_arn=principal.arn if principal.kind is PrincipalKind.ASSUMED_ROLE else "",
        tags=tags,
    )
    return Scene(
        identity,
        _owner(value.ResourceOwner) or principal.account,
        sources,
        policies[-1] if of_resource else None,
        given_context(value.ContextEntries, call.now),
    )


def _owner(arn: str | None) -> str:
    """The account of a ResourceOwner: an account's ARN, or its number."""
    if arn is None:
        return ""
    parts = parse_arn(arn)
    account = arn if parts is None else parts.account
    if len(account) != 12 or not account.isdigit():
        raise iam.InvalidInputException(f"Invalid ResourceOwner: {arn}")
    return account


def _results(
    call: Call,
    operation: str,
    value: iam.SimulateCustomPolicyRequest | iam.SimulatePrincipalPolicyRequest,
    scene: Scene,
) -> iam.SimulatePolicyResponse:
    """A page of the results for each action on each resource: no more is evaluated than is answered."""
    actions = value.ActionNames or []
    resources = value.ResourceArns or ["*"]
    for action in actions:
        if ":" not in action:
            raise iam.InvalidInputException(f"Invalid action name: {action}")

    def read(after: list[int], limit: int) -> list[int]:
        start = after[0] + 1 if after else 0
        return list(range(start, min(start + limit, len(actions) * len(resources))))

    most = min(value.MaxItems or PAGE, MOST_RESULTS)
    page = page_of(call, operation, [actions, resources], value.Marker, most, read, lambda combination: [combination])
    results: list[iam.EvaluationResult] = []
    for combination in page.items:
        action, resource = divmod(combination, len(resources))
        result = simulate(scene, actions[action], resources[resource])
        if value.ResourceArns:
            result.ResourceSpecificResults = [resource_specific(result)]
        results.append(result)
    return iam.SimulatePolicyResponse(EvaluationResults=results, IsTruncated=page.truncated, Marker=page.marker)


def get_context_keys_for_custom_policy(
    call: Call, value: iam.GetContextKeysForCustomPolicyRequest
) -> iam.GetContextKeysForPolicyResponse:
    """The condition keys that policies ask for."""
    call.authorize("iam:GetContextKeysForCustomPolicy", "*")
    return _keys(value.PolicyInputList or ())


def get_context_keys_for_principal_policy(
    call: Call, value: iam.GetContextKeysForPrincipalPolicyRequest
) -> iam.GetContextKeysForPolicyResponse:
    """The condition keys that the policies of a user, group or role ask for."""
    subject = _subject(call, value.PolicySourceArn, "iam:GetContextKeysForPrincipalPolicy")
    return _keys([*(source.text for source in subject.policies), *(value.PolicyInputList or ())])


def _keys(texts: Sequence[str]) -> iam.GetContextKeysForPolicyResponse:
    found = {key for text in texts for key in context_keys(text, PolicyKind.IDENTITY)}
    return iam.GetContextKeysForPolicyResponse(ContextKeyNames=sorted(found))


def simulate_custom_policy(call: Call, value: iam.SimulateCustomPolicyRequest) -> iam.SimulatePolicyResponse:
    """What policies that are given would allow; nothing of the account is read but a caller that is named."""
    call.authorize("iam:SimulateCustomPolicy", "*")
    if value.OrderedOrganizationPolicyInputList:
        raise NotImplementedException(
            "Holdfast does not implement OrderedOrganizationPolicyInputList of iam:SimulateCustomPolicy."
        )
    return _results(call, "SimulateCustomPolicy", value, _scene(call, value, None))


def simulate_principal_policy(call: Call, value: iam.SimulatePrincipalPolicyRequest) -> iam.SimulatePolicyResponse:
    """What a user, group or role may do, with more policies or another boundary if some are given."""
    subject = _subject(call, value.PolicySourceArn, "iam:SimulatePrincipalPolicy")
    if value.PolicyExclusionList:
        raise NotImplementedException("Holdfast does not implement PolicyExclusionList of iam:SimulatePrincipalPolicy.")
    return _results(call, "SimulatePrincipalPolicy", value, _scene(call, value, subject))
