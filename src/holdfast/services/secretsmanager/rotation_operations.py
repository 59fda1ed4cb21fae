"""RotateSecret and CancelRotateSecret. What they begin and end is in `rotation_progress`, who does it in `rotation_job`."""

from __future__ import annotations

import msgspec

from holdfast.api import secretsmanager as api
from holdfast.api.base import NotImplementedException
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records, rotation_progress, rotation_records, rotation_rules, rules
from holdfast.services.secretsmanager.finding import Found, RequestContext, find_active, required_token
from holdfast.services.secretsmanager.records import Secret
from holdfast.services.secretsmanager.rotation_functions import require_function
from holdfast.services.secretsmanager.rotation_rules import Rotation


def rotate_secret(call: Call, value: api.RotateSecretRequest) -> api.RotateSecretResponse:
    """Store the rotation's settings and begin one, or with RotateImmediately=false a test of the function.

    Repeated with the same token it changes nothing.
    """
    found = find_active(call, value.SecretId, "secretsmanager:RotateSecret", _context(value))
    _refuse_absent_features(value)
    token = required_token(value.ClientRequestToken)
    if _rotated_before(call, found, token):
        return api.RotateSecretResponse(ARN=found.arn, Name=found.secret.name, VersionId=token)
    secret, arn = found
    before = rotation_rules.decode(secret.rotation)
    function = value.RotationLambdaARN or before.function
    if not function:
        raise api.InvalidRequestException(rotation_rules.NO_FUNCTION)
    rotation = rotation_rules.configured(before, function, value.RotationRules, call.now)
    require_function(call, function, arn, secret.account)
    secret = _without_finished(call, secret)
    rotation = msgspec.structs.replace(rotation, last=rotation_rules.decode(secret.rotation).last)
    immediately = value.RotateImmediately is not False
    _start(call, secret, rotation, token, test=not immediately)
    return api.RotateSecretResponse(ARN=arn, Name=secret.name, VersionId=token)


def _context(value: api.RotateSecretRequest) -> RequestContext:
    """Condition keys of parameters exist only when they were sent (Service Authorization Reference)."""
    context: RequestContext = {}
    if value.RotationLambdaARN is not None:
        context["secretsmanager:RotationLambdaARN"] = value.RotationLambdaARN
    if value.RotationRules is not None:
        context["secretsmanager:ModifyRotationRules"] = True
    if value.RotateImmediately is not None:
        context["secretsmanager:RotateImmediately"] = value.RotateImmediately
    return context


def _refuse_absent_features(value: api.RotateSecretRequest) -> None:
    for parameter, given in (
        ("ExternalSecretRotationMetadata", value.ExternalSecretRotationMetadata),
        ("ExternalSecretRotationRoleArn", value.ExternalSecretRotationRoleArn),
    ):
        if given is not None:
            raise NotImplementedException(
                f"Holdfast does not implement the parameter {parameter} of secretsmanager:RotateSecret."
            )


def _rotated_before(call: Call, found: Found, token: str) -> bool:
    """Whether this token's rotation is under way or was. SDKs repeat a call whose answer was lost."""
    underway = rotation_records.read_underway(call.tx, found.secret)
    if underway is not None and underway.token == token:
        return True
    if records.read_version(call.tx, found.secret, token) is None:
        return False
    if any(attempt.token == token for attempt in rotation_records.list_attempts(call.tx, found.secret)):
        return True
    raise api.InvalidRequestException(rules.token_in_use(token, found.arn).message)


def _without_finished(call: Call, secret: Secret) -> Secret:
    """The secret when nothing is pending: a rotation that is finished and not recorded yet is recorded first.

    InvalidRequestException while a version is pending that is not the current one.
    """
    underway = rotation_records.read_underway(call.tx, secret)
    if underway is not None and rotation_progress.finished(secret, underway):
        secret = rotation_progress.complete(call, secret, underway)
        underway = None
    labels = rules.labels_of(secret.stages)
    pending = labels.get(rules.PENDING)
    if underway is not None or (pending is not None and pending != labels.get(rules.CURRENT)):
        raise api.InvalidRequestException(rotation_rules.PREVIOUS_NOT_COMPLETE)
    return secret


def _start(call: Call, secret: Secret, rotation: Rotation, token: str, *, test: bool) -> None:
    arn_dates = rotation_progress.plan(call, secret, rotation)
    secret = rotation_progress.reserve(call, arn_dates, token)
    records.update_secret(call.tx, secret)
    window_end = rotation_rules.decode(secret.rotation).next + 1000 if rotation.schedule() else 0
    window_end = min(window_end or call.now + rotation_rules.DAY, call.now + rotation_rules.DAY)
    rotation_progress.begin(call, secret, token, test=test, window_end=window_end)
    rotation_progress.schedule_at(call, secret, call.now)


def cancel_rotate_secret(call: Call, value: api.CancelRotateSecretRequest) -> api.CancelRotateSecretResponse:
    """Turn automatic rotation off and stop the one under way. Labels stay as they are ("CancelRotateSecret")."""
    secret, arn = find_active(call, value.SecretId, "secretsmanager:CancelRotateSecret")
    underway = rotation_records.read_underway(call.tx, secret)
    if underway is not None:
        rotation_progress.close_attempt(call, secret, underway, "cancelled")
        rotation_records.delete_underway(call.tx, secret)
    rotation = msgspec.structs.replace(rotation_rules.decode(secret.rotation), enabled=False, due=0, next=0)
    if secret.rotation:
        secret = secret._replace(rotation=rotation_rules.encode(rotation), last_changed=call.now)
        records.update_secret(call.tx, secret)
    rotation_progress.schedule_at(call, secret, 0)
    pending = underway.token if underway is not None else None
    return api.CancelRotateSecretResponse(ARN=arn, Name=secret.name, VersionId=pending)
