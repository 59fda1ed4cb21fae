"""AssumeRole."""

from __future__ import annotations

from holdfast.access.decision import ContextValue
from holdfast.access.principal import PrincipalKind
from holdfast.api import sts
from holdfast.api.base import AccessDeniedException, NotImplementedException, ValidationException
from holdfast.services.call import Call
from holdfast.services.sts.operations import refuse_devices
from holdfast.services.sts.role_sessions import Wanted, admit, session_policies, start
from holdfast.services.sts.rules import inherit, parse_role_arn, tags_of


def assume_role(call: Call, value: sts.AssumeRoleRequest) -> sts.AssumeRoleResponse:
    """Temporary credentials of a role whose trust policy lets the caller in.

    What the caller's own session carries on (transitive tags, source identity) goes into the new one and needs the
    permissions sts:TagSession and sts:SetSourceIdentity again ("Chaining roles with session tags").
    """
    assert value.RoleArn is not None
    assert value.RoleSessionName is not None
    role_arn = value.RoleArn
    parse_role_arn(role_arn)
    if value.ProvidedContexts:
        raise NotImplementedException("Holdfast does not implement ProvidedContexts of sts:AssumeRole.")
    own = call.identity.session
    tags, transitive = inherit(
        tags_of(value.Tags), value.TransitiveTagKeys or (), dict(own.transitive_tags) if own else {}
    )
    wanted = Wanted(
        role_arn=role_arn,
        session_name=value.RoleSessionName,
        duration=value.DurationSeconds,
        policies=session_policies(value.Policy, value.PolicyArns),
        tags=tags,
        transitive=transitive,
        source_identity=_source_identity(value.SourceIdentity or "", own.source_identity if own else ""),
        minimum_token_size=value.MinimumSessionTokenSize or 0,
    )
    if call.principal.kind is PrincipalKind.ROOT:
        raise AccessDeniedException("Roles may not be assumed by root accounts.")
    refuse_devices(value.SerialNumber, value.TokenCode)
    extra: dict[str, ContextValue] = {"sts:ExternalId": value.ExternalId} if value.ExternalId else {}

    def refusal(action: str) -> AccessDeniedException:
        return AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {role_arn}"
        )

    role = admit(call, wanted, "sts:AssumeRole", extra, refusal)
    session = start(call, role, wanted, chained=call.principal.kind is PrincipalKind.ASSUMED_ROLE)
    return sts.AssumeRoleResponse(
        Credentials=session.issued.credentials,
        AssumedRoleUser=session.user,
        PackedPolicySize=session.packed_size,
        SourceIdentity=wanted.source_identity or None,
        SessionTokenUtilization=session.issued.utilization,
        SessionTokenSize=session.issued.token_size,
    )


def _source_identity(asked: str, inherited: str) -> str:
    """Once set it stays: a session may repeat its own, and not name another."""
    if asked.lower().startswith("aws:"):
        raise ValidationException("The source identity can't start with the reserved prefix: aws:")
    if asked and inherited and asked != inherited:
        raise AccessDeniedException("The source identity of the calling session cannot be changed.")
    return inherited or asked
