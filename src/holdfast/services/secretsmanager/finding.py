"""From a SecretId to a secret that the caller may act on; the one way operations reach a secret's row.

INVARIANT: authorization comes before existence. A missing secret is authorized against the id as the caller sent it, so
who may not ask learns nothing, and who may is told that there is none. A caller of another account is denied in exactly
the words that a secret that does not exist is denied in: whether there is one, and what its policy says of the caller,
is the owner's business.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from holdfast.access.decision import ContextValue, Outcome, denial_text
from holdfast.access.evaluate import evaluate
from holdfast.access.request import AccessRequest
from holdfast.api import secretsmanager as api
from holdfast.api.base import AccessDeniedException
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records
from holdfast.services.secretsmanager.identifiers import Reference, owner_of, reference, secret_arn
from holdfast.services.secretsmanager.policies import compiled
from holdfast.services.secretsmanager.records import Secret
from holdfast.services.secretsmanager.rotation_rules import decode as decode_rotation
from holdfast.services.secretsmanager.rules import MARKED_FOR_DELETION
from holdfast.services.stored_tags import decode_tags

NOT_FOUND = "Secrets Manager can't find the specified secret."
NO_TOKEN = "You must provide a ClientRequestToken value. We recommend a UUID-type value."  # noqa: S105 - AWS's text

ALLOW: Final = Outcome.ALLOW
RequestContext = dict[str, ContextValue]
PRIMARY_REGION = "secretsmanager:SecretPrimaryRegion"
_RESOURCE_KEYS = ("aws:ResourceTag/", "secretsmanager:ResourceTag/", "secretsmanager:resource/", PRIMARY_REGION)
"""What `add_resource_keys` adds."""


class Found(NamedTuple):
    """A secret and its whole ARN."""

    secret: Secret
    arn: str


def refer(call: Call, secret_id: str) -> Reference | None:
    """Where a SecretId of this call points."""
    return reference(call.partition, call.account, call.region, secret_id)


def arn_of(call: Call, secret: Secret) -> str:
    return secret_arn(call.partition, secret.account, secret.region, secret.name, secret.suffix)


def add_resource_keys(context: RequestContext, region: str, tags: str, kind: str, rotation: str) -> None:
    """Condition keys that the secret itself gives (Service Authorization Reference, AWS Secrets Manager).

    Of a secret without replicas the primary Region, "in which the secret is created", is where it is.
    """
    context[PRIMARY_REGION] = region
    if tags:
        for key, value in decode_tags(tags).items():
            context[f"aws:ResourceTag/{key}"] = value
            context[f"secretsmanager:ResourceTag/{key}"] = value
    if kind:
        context["secretsmanager:resource/Type"] = kind
    if rotation and (function := decode_rotation(rotation).function):
        context["secretsmanager:resource/AllowRotationLambdaArn"] = function


def look_up(call: Call, secret_id: str) -> Found | None:
    """The secret, not authorized yet."""
    where = refer(call, secret_id)
    secret = None if where is None else records.read_secret(call.tx, where)
    return None if secret is None else Found(secret, arn_of(call, secret))


def authorize_missing(call: Call, action: str, secret_id: str, context: RequestContext) -> None:
    """Authorize against the literal id; AccessDeniedException."""
    call.authorize(action, secret_id, context, owner=owner_of(call.account, secret_id))


def authorize_found(
    call: Call, action: str, arn: str, owner: str, secret_id: str, context: RequestContext, policy: str
) -> None:
    """Authorize against the ARN of a secret that exists, and its resource policy; AccessDeniedException."""
    decision = call.check(action, arn, context, owner=owner, resource_policy=compiled(policy))
    if decision.outcome is ALLOW:
        return
    if owner != call.account:
        # Across accounts nothing is allowed without a resource policy: this is a denial, too.
        of_request = {key: value for key, value in context.items() if not key.startswith(_RESOURCE_KEYS)}
        decision = evaluate(call.identity, AccessRequest(action, secret_id, owner, of_request, call))
        call.conceal(decision)
    raise AccessDeniedException(denial_text(decision))


def find(call: Call, secret_id: str | None, action: str, context: RequestContext | None = None) -> Found:
    """The secret, after the caller was authorized for `action`; it may be scheduled for deletion.

    `context` holds the condition keys of the request's parameters. Raises AccessDeniedException,
    ResourceNotFoundException.
    """
    assert secret_id is not None
    keys: RequestContext = {"secretsmanager:SecretId": secret_id, **(context or {})}
    found = look_up(call, secret_id)
    if found is None:
        authorize_missing(call, action, secret_id, keys)
        raise api.ResourceNotFoundException(NOT_FOUND)
    add_resource_keys(keys, found.secret.region, found.secret.tags, found.secret.type, found.secret.rotation)
    authorize_found(call, action, found.arn, found.secret.account, secret_id, keys, found.secret.policy)
    return found


def require_active(secret: Secret) -> None:
    """InvalidRequestException for a secret that is scheduled for deletion."""
    if secret.deletion_date:
        raise api.InvalidRequestException(MARKED_FOR_DELETION)


def find_active(call: Call, secret_id: str | None, action: str, context: RequestContext | None = None) -> Found:
    """As `find`, for operations that a secret scheduled for deletion refuses."""
    found = find(call, secret_id, action, context)
    require_active(found.secret)
    return found


def required_token(token: str | None) -> str:
    """The ClientRequestToken, which SDKs fill in; a raw request without one is refused."""
    if not token:
        raise api.InvalidRequestException(NO_TOKEN)
    return token


def version_not_found(version_id: str) -> api.ResourceNotFoundException:
    return api.ResourceNotFoundException(
        f"Secrets Manager can't find the specified secret value for VersionId: {version_id}"
    )


def stage_not_found(label: str) -> api.ResourceNotFoundException:
    return api.ResourceNotFoundException(
        f"Secrets Manager can't find the specified secret value for staging label: {label}"
    )
