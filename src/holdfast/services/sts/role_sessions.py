"""What AssumeRole and AssumeRoleWithWebIdentity share: session policies, session tags, the trust policy, the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.decision import ContextValue, PolicyKind
from holdfast.access.evaluate import evaluate
from holdfast.access.policy import PolicyError, compile_policy
from holdfast.access.request import AccessRequest
from holdfast.api import sts
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.stored_tags import request_context, resource_keys
from holdfast.services.sts.credentials import Issued, issue
from holdfast.services.sts.rules import check_policy_arns, packed_percentage, parse_role_arn, role_duration
from holdfast.services.sts.session_token import SessionKind, packed

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.principals import Role

INLINE_POLICY = "inline session policy"
"""What explanations call it."""


class SessionPolicies(NamedTuple):
    """The session policies that a request passes."""

    packed: bytes
    arns: tuple[str, ...]

    @property
    def given(self) -> bool:
        return bool(self.packed or self.arns)


def session_policies(policy: str | None, descriptors: list[sts.PolicyDescriptorType] | None) -> SessionPolicies:
    """Check what is passed; MalformedPolicyDocumentException with the text of the policy language."""
    text = policy or ""
    arns = tuple(dict.fromkeys(descriptor.arn or "" for descriptor in descriptors or ()))
    check_policy_arns(text, arns)
    if text:
        try:
            compile_policy(text, name=INLINE_POLICY, kind=PolicyKind.SESSION)
        except PolicyError as error:
            raise sts.MalformedPolicyDocumentException(str(error)) from None
    return SessionPolicies(packed(text), arns)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The session that is asked for."""

    role_arn: str
    session_name: str
    duration: int | None
    policies: SessionPolicies
    tags: Mapping[str, str]
    transitive: tuple[str, ...]
    source_identity: str = ""
    provider: str = ""
    minimum_token_size: int = 0

    def context(self, role: Role | None) -> dict[str, ContextValue]:
        """Condition keys of STS for this request (service authorization reference, AWS STS)."""
        context: dict[str, ContextValue] = {"sts:RoleSessionName": self.session_name}
        if self.source_identity:
            context["sts:SourceIdentity"] = self.source_identity
        context.update(request_context(self.tags))
        if self.transitive:
            context["sts:TransitiveTagKeys"] = self.transitive
        if role is not None:
            context.update(resource_keys(role.tags, "iam:ResourceTag/"))
        return context

    def actions(self, assume: str) -> tuple[str, ...]:
        """What the trust policy must allow, all of it."""
        tagging = ("sts:TagSession",) if self.tags else ()
        naming = ("sts:SetSourceIdentity",) if self.source_identity else ()
        return (assume, *tagging, *naming)


def find_role(call: Call, arn: str) -> tuple[str, Role | None]:
    """The account of a role's ARN, and the role, if it exists under exactly this ARN."""
    account, name = parse_role_arn(arn)
    role = call.surroundings.principals.role(call.tx, account, name)
    return account, role if role is not None and role.arn == arn else None


def admit(
    call: Call,
    wanted: Wanted,
    assume: str,
    extra: Mapping[str, ContextValue],
    refusal: Callable[[str], AccessDeniedException],
) -> Role:
    """The role, if its trust policy and the caller's own policies let the caller in; otherwise `refusal(action)`.

    A role that does not exist is refused in the same words as one that does not trust the caller.
    """
    account, role = find_role(call, wanted.role_arn)
    context = {**wanted.context(role), **extra}
    trust = None if role is None else role.trust
    for action in wanted.actions(assume):
        decision = call.check(
            action, wanted.role_arn, context, owner=account, resource_policy=trust, resource_kind="trust"
        )
        if not decision.allowed:
            if account != call.account:
                known = {**wanted.context(None), **extra}
                request = AccessRequest(action, wanted.role_arn, account, known, call)
                call.conceal(evaluate(call.identity, request, resource_kind="trust"))
            raise refusal(action)
    assert role is not None  # nothing allows where no policy trusts
    return role


class RoleSession(NamedTuple):
    """A session as the two answers show it."""

    issued: Issued
    user: sts.AssumedRoleUser
    packed_size: int | None
    """Percent; None when neither policies nor tags were passed."""


def start(call: Call, role: Role, wanted: Wanted, *, chained: bool) -> RoleSession:
    """Make the session; the caller was admitted before. Raises what is wrong with duration, policies and tags."""
    duration = role_duration(wanted.duration, role.maximum_session, chained=chained)
    policies = wanted.policies
    for arn in policies.arns:
        if call.surroundings.principals.managed_policy(call.tx, role.account, arn) is None:
            raise ValidationException(f"Policy {arn} does not exist or is not attachable.")
    size = packed_percentage(policies.packed, policies.arns, wanted.tags)
    issued = issue(
        call,
        SessionKind.ROLE,
        role.account,
        role.role_id,
        role.name,
        duration,
        session_name=wanted.session_name,
        policy=policies.packed,
        policy_arns=policies.arns,
        tags=wanted.tags,
        transitive=wanted.transitive,
        source_identity=wanted.source_identity,
        provider=wanted.provider,
        minimum_token_size=wanted.minimum_token_size,
    )
    user = sts.AssumedRoleUser(
        AssumedRoleId=f"{role.role_id}:{wanted.session_name}",
        Arn=f"arn:{call.partition}:sts::{role.account}:assumed-role/{role.name}/{wanted.session_name}",
    )
    return RoleSession(issued, user, size if policies.given or wanted.tags else None)
