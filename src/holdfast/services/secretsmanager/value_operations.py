"""GetSecretValue, BatchGetSecretValue, PutSecretValue.

GetSecretValue is the hottest call of the server: one statement of this service and one KMS call. What it notes of the
access is written once a day.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from holdfast.api import secretsmanager as api
from holdfast.api.base import ServiceError
from holdfast.services.secretsmanager import (
    records,
    rotation_progress,
    rotation_records,
    rules,
    values,
    versions,
)
from holdfast.services.secretsmanager.finding import (
    NOT_FOUND,
    Found,
    RequestContext,
    add_resource_keys,
    arn_of,
    authorize_found,
    authorize_missing,
    find_active,
    refer,
    required_token,
    stage_not_found,
    version_not_found,
)
from holdfast.services.secretsmanager.identifiers import secret_arn
from holdfast.services.secretsmanager.rotation_rules import token_digest
from holdfast.services.secretsmanager.selection import select

if TYPE_CHECKING:
    from holdfast.services.call import Call

GET_SECRET_VALUE: Final = "secretsmanager:GetSecretValue"  # noqa: S105 - an action's name
_GetSecretValueResponse: Final = api.GetSecretValueResponse
"""Found once, not by name in its module each time."""
BATCH = 20

NO_VALUE = "You must provide either SecretString or SecretBinary."
STAGE_OF_ANOTHER = "You provided a VersionStage that is not associated to the provided VersionId."
LIST_OR_FILTERS = "You must specify either SecretIdList or Filters, and not both."
PAGING_NEEDS_FILTERS = "You can specify MaxResults and NextToken only with Filters."
FOREIGN_ROTATION_TOKEN = "The RotationToken is not one that a rotation of this secret was given."  # noqa: S105 - a text


def get_secret_value(call: Call, value: api.GetSecretValueRequest) -> api.GetSecretValueResponse:
    """The value of the version asked for, by default the one labelled AWSCURRENT."""
    secret_id, version_id, label = value.SecretId, value.VersionId, value.VersionStage
    assert secret_id is not None
    context: RequestContext = {"secretsmanager:SecretId": secret_id}
    if version_id is not None:
        context["secretsmanager:VersionId"] = version_id
    if label is not None:
        context["secretsmanager:VersionStage"] = label
    where = refer(call, secret_id)
    row = None if where is None else records.read_value(call.tx, where, version_id, label or rules.CURRENT)
    if where is None or row is None:
        authorize_missing(call, GET_SECRET_VALUE, secret_id, context)
        raise api.ResourceNotFoundException(NOT_FOUND)
    suffix, deletion_date, stages, tags, kind_of_secret, accessed, policy, rotation = row[:8]
    found_id, created, version_accessed, kind, kms_key, data_key, value_sealed = row[8:]
    account, region, name, _ = where
    arn = secret_arn(call.partition, account, region, name, suffix)
    add_resource_keys(context, region, tags, kind_of_secret, rotation)
    authorize_found(call, GET_SECRET_VALUE, arn, account, secret_id, context, policy)
    if deletion_date:
        raise api.InvalidRequestException(rules.MARKED_FOR_DELETION)
    labels = rules.decode_stages(stages).get(found_id)
    _require_version(version_id, label, found_id, labels, kind)
    data = values.open_value(call, arn, found_id, kms_key, data_key, value_sealed)
    today = rules.start_of_day(call.now)
    if accessed < today:
        call.note(records.SECRET_ACCESS, (account, region, name, suffix), today)
    if version_accessed < today:
        call.note(records.VERSION_ACCESS, (account, region, name, found_id), today)
    is_string = kind == values.STRING
    return _GetSecretValueResponse(
        ARN=arn,
        Name=name,
        VersionId=found_id,
        SecretString=data.decode() if is_string else None,
        SecretBinary=None if is_string else data,
        VersionStages=labels,
        CreatedDate=created / 1000,
    )


def _require_version(
    version_id: str | None, label: str | None, found_id: str | None, labels: list[str] | None, kind: str | None
) -> None:
    """Raise unless a version was found that fits both what was asked for and has a value."""
    if version_id is not None and found_id is None:
        raise version_not_found(version_id)
    if version_id is not None and label is not None and label not in (labels or ()):
        raise api.InvalidRequestException(STAGE_OF_ANOTHER)
    if kind is None:
        # Rotation functions wait for exactly this error before they fill a reserved version.
        if version_id is not None and label is None:
            raise version_not_found(version_id)
        raise stage_not_found(label or rules.CURRENT)


def batch_get_secret_value(call: Call, value: api.BatchGetSecretValueRequest) -> api.BatchGetSecretValueResponse:
    """The current values of up to 20 secrets; what went wrong with one of them is told beside the others.

    Each is a GetSecretValue of its own, on the caller's behalf: authorized, audited and noted like one.
    """
    call.authorize("secretsmanager:BatchGetSecretValue", "*")
    if (value.SecretIdList is None) == (value.Filters is None):
        raise api.InvalidParameterException(LIST_OR_FILTERS)
    token: str | None = None
    if value.Filters is None:
        if value.MaxResults is not None or value.NextToken is not None:
            raise api.InvalidParameterException(PAGING_NEEDS_FILTERS)
        ids = value.SecretIdList or []
    else:
        call.authorize("secretsmanager:ListSecrets", "*")
        secrets, token = select(
            call, "BatchGetSecretValue", value.Filters, limit=value.MaxResults or BATCH, token=value.NextToken
        )
        ids = [arn_of(call, secret) for secret in secrets]
    entries: list[api.SecretValueEntry] = []
    errors: list[api.APIErrorType] = []
    for secret_id in ids:
        request = api.GetSecretValueRequest(SecretId=secret_id)
        try:
            got = call.on_behalf(api.GetSecretValue, request, by=values.SERVICE_NAME)
        except ServiceError as error:
            errors.append(api.APIErrorType(SecretId=secret_id, ErrorCode=error.code, Message=error.message))
        else:
            entries.append(_entry(got))
    return api.BatchGetSecretValueResponse(SecretValues=entries, Errors=errors, NextToken=token)


def _entry(got: api.GetSecretValueResponse) -> api.SecretValueEntry:
    return api.SecretValueEntry(
        ARN=got.ARN,
        Name=got.Name,
        VersionId=got.VersionId,
        SecretBinary=got.SecretBinary,
        SecretString=got.SecretString,
        VersionStages=got.VersionStages,
        CreatedDate=got.CreatedDate,
    )


def put_secret_value(call: Call, value: api.PutSecretValueRequest) -> api.PutSecretValueResponse:
    """A new version, or the value of one that was reserved without; repeated with the same token it changes nothing."""
    context: RequestContext = {}
    if value.VersionStages is not None:
        # A key of the type String, whose operators are not asked of lists: only several labels are one.
        labels = list(dict.fromkeys(value.VersionStages))
        context["secretsmanager:VersionStage"] = labels[0] if len(labels) == 1 else labels
    found = find_active(call, value.SecretId, "secretsmanager:PutSecretValue", context)
    given = values.given_value(value.SecretString, value.SecretBinary)
    if given is None:
        raise api.InvalidRequestException(NO_VALUE)
    version_id = required_token(value.ClientRequestToken)
    secret, arn = found
    if value.RotationToken is not None:
        underway = rotation_records.read_underway(call.tx, secret)
        given_digest = token_digest(value.RotationToken)
        if underway is None or not hmac.compare_digest(given_digest, underway.rotation_token):
            raise api.InvalidParameterException(FOREIGN_ROTATION_TOKEN)
    existing = records.read_version(call.tx, secret, version_id)
    if existing is not None and existing.kind is not None:
        stored = values.open_version(call, arn, existing)
        if stored is None or not stored.equals(given):
            raise rules.token_in_use(version_id, arn)
        return _put_response(found, version_id)
    rotation_progress.refuse_if_locked(call, secret, version_id)
    sealed = values.seal(call, arn, version_id, secret.kms_key_id, given)
    put = versions.add_version if existing is None else versions.fill_version
    secret = put(call, secret, version_id, sealed, value.VersionStages)
    records.update_secret(call.tx, rotation_progress.value_added(call, secret, version_id))
    return _put_response(Found(secret, arn), version_id)


def _put_response(found: Found, version_id: str) -> api.PutSecretValueResponse:
    labels = rules.decode_stages(found.secret.stages).get(version_id)
    return api.PutSecretValueResponse(ARN=found.arn, Name=found.secret.name, VersionId=version_id, VersionStages=labels)
