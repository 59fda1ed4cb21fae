"""CreateSecret, DescribeSecret, UpdateSecret, DeleteSecret, RestoreSecret, and the job that ends a recovery window."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from holdfast.access.decision import denial_text
from holdfast.api import secretsmanager as api
from holdfast.api.base import AccessDeniedException, NotImplementedException
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records, rotation_progress, rules, tags, values, versions
from holdfast.services.secretsmanager.descriptions import description
from holdfast.services.secretsmanager.finding import (
    NOT_FOUND,
    Found,
    RequestContext,
    add_resource_keys,
    arn_of,
    authorize_found,
    authorize_missing,
    find,
    find_active,
    look_up,
    refer,
    required_token,
)
from holdfast.services.secretsmanager.identifiers import (
    SUFFIX_ALPHABET,
    SUFFIX_LENGTH,
    Reference,
    check_name,
    secret_arn,
)
from holdfast.services.secretsmanager.records import Secret, Version
from holdfast.services.stored_tags import resource_keys

DELETE_JOB = "secretsmanager.delete-secret"
NAME_SCHEDULED = "You can't create this secret because a secret with this name is already scheduled for deletion."
REENCRYPTED = (rules.CURRENT, rules.PENDING, rules.PREVIOUS)
"""Labels whose versions follow a change of the KMS key."""


# -- CreateSecret ------------------------------------------------------------------------------------------------------


def create_secret(call: Call, value: api.CreateSecretRequest) -> api.CreateSecretResponse:
    """A new secret, with a first version if a value came along; repeated with the same token it changes nothing."""
    assert value.Name is not None
    name = value.Name
    existing = records.read_secret(call.tx, Reference(call.account, call.region, name, ""))
    suffix = call.randomness.token(SUFFIX_ALPHABET, SUFFIX_LENGTH) if existing is None else existing.suffix
    arn = secret_arn(call.partition, call.account, call.region, name, suffix)
    context = _create_context(value)
    _authorize_creation(call, "secretsmanager:CreateSecret", name, arn, context)
    if value.Tags:
        _authorize_creation(call, "secretsmanager:TagResource", name, arn, context)
    _refuse_absent_features(value)
    token = required_token(value.ClientRequestToken)
    check_name(name)
    given = values.given_value(value.SecretString, value.SecretBinary)
    given_tags = tags.merged({}, tags.given_tags(value.Tags or ()))
    if existing is not None:
        return _created_before(call, Found(existing, arn), token, given)
    secret = Secret(
        account=call.account,
        region=call.region,
        name=name,
        suffix=suffix,
        description=value.Description or "",
        kms_key_id=value.KmsKeyId or "",
        type=value.Type or "",
        created=call.now,
        last_changed=call.now,
        last_accessed=0,
        deletion_date=0,
        create_token=token,
        version_count=0,
        stages="{}",
        tags=tags.encode_tags(given_tags) if given_tags else "",
    )
    _store_new(call, Found(secret, arn), given)
    return api.CreateSecretResponse(ARN=arn, Name=name, VersionId=token if given else None)


def _authorize_creation(call: Call, action: str, name: str, arn: str, context: RequestContext) -> None:
    """Decide about the ARN that the secret will have, which policies name; a denial names it as it was sent, as AWS's
    does: of a secret that exists its random part is not told."""
    decision = call.check(action, arn, context)
    if not decision.allowed:
        raise AccessDeniedException(denial_text(replace(decision, resource=name)))


def _store_new(call: Call, found: Found, given: values.SecretValue | None) -> None:
    secret, arn = found
    if given is None:
        if secret.kms_key_id:
            values.try_key(call, arn, secret.kms_key_id)
        records.insert_secret(call.tx, secret)
        return
    versions.insert_with_version(call, secret, values.seal(call, arn, secret.create_token, secret.kms_key_id, given))


def _create_context(value: api.CreateSecretRequest) -> RequestContext:
    """The tags of the request are those that the secret will have: policies that compare aws:ResourceTag with the
    principal's tags allow the creation, too ("IAM tutorial: Define permissions to access AWS resources based on tags",
    step 4)."""
    context: RequestContext = {"secretsmanager:Name": value.Name or ""}
    _add_settings(context, value.Description, value.KmsKeyId, value.Type)
    if value.ForceOverwriteReplicaSecret is not None:
        context["secretsmanager:ForceOverwriteReplicaSecret"] = value.ForceOverwriteReplicaSecret
    if value.AddReplicaRegions is not None:
        context["secretsmanager:AddReplicaRegions"] = [each.Region or "" for each in value.AddReplicaRegions]
    given = {tag.Key or "": tag.Value or "" for tag in value.Tags or ()}
    return context | tags.request_keys(value.Tags) | resource_keys(given, "secretsmanager:ResourceTag/")


def _add_settings(context: RequestContext, description: str | None, kms_key_id: str | None, kind: str | None) -> None:
    """Condition keys of parameters exist only when they were sent."""
    if description is not None:
        context["secretsmanager:Description"] = description
    if kms_key_id is not None:
        context["secretsmanager:KmsKeyId"] = kms_key_id
        if kms_key_id.startswith("arn:"):
            context["secretsmanager:KmsKeyArn"] = kms_key_id
    if kind is not None:
        context["secretsmanager:Type"] = kind


def _refuse_absent_features(value: api.CreateSecretRequest) -> None:
    # ForceOverwriteReplicaSecret only qualifies AddReplicaRegions and does nothing without it, here as on AWS.
    for parameter, given in (
        ("AddReplicaRegions", value.AddReplicaRegions),
        ("CrossAccountPrimaryARN", value.CrossAccountPrimaryARN),
    ):
        if given is not None:
            raise NotImplementedException(
                f"Holdfast does not implement the parameter {parameter} of secretsmanager:CreateSecret yet."
            )


def _created_before(call: Call, found: Found, token: str, given: values.SecretValue | None) -> api.CreateSecretResponse:
    """The answer when the name is taken: the first call's if this one repeats it, otherwise an error."""
    secret, arn = found
    if secret.deletion_date:
        raise api.InvalidRequestException(NAME_SCHEDULED)
    version = records.read_version(call.tx, secret, token)
    if version is not None:
        stored = values.open_version(call, arn, version)
        if given is None or stored is None or not stored.equals(given):
            raise rules.token_in_use(token, arn)
        return api.CreateSecretResponse(ARN=arn, Name=secret.name, VersionId=token)
    if given is None and token == secret.create_token:
        return api.CreateSecretResponse(ARN=arn, Name=secret.name)
    raise api.ResourceExistsException(f"The operation failed because the secret {secret.name} already exists.")


# -- DescribeSecret ----------------------------------------------------------------------------------------------------


def describe_secret(call: Call, value: api.DescribeSecretRequest) -> api.DescribeSecretResponse:
    """All about a secret but its value; also while it is scheduled for deletion."""
    found = find(call, value.SecretId, "secretsmanager:DescribeSecret")
    return api.DescribeSecretResponse(
        **description(call, found.secret), VersionIdsToStages=rules.decode_stages(found.secret.stages) or None
    )


# -- UpdateSecret ------------------------------------------------------------------------------------------------------


def update_secret(call: Call, value: api.UpdateSecretRequest) -> api.UpdateSecretResponse:
    """Another description, type or KMS key, and a new current version if a value came along."""
    context: RequestContext = {}
    _add_settings(context, value.Description, value.KmsKeyId, value.Type)
    secret, arn = find_active(call, value.SecretId, "secretsmanager:UpdateSecret", context)
    token = required_token(value.ClientRequestToken)
    given = values.given_value(value.SecretString, value.SecretBinary)
    if given is not None and records.read_version(call.tx, secret, token) is not None:
        raise rules.token_in_use(token, arn)
    if value.Description is not None:
        secret = secret._replace(description=value.Description, last_changed=call.now)
    if value.Type is not None:
        secret = secret._replace(type=value.Type, last_changed=call.now)
    kms_key = None
    if value.KmsKeyId is not None:
        kms_key = values.try_key(call, arn, value.KmsKeyId)
        secret = secret._replace(kms_key_id=value.KmsKeyId, last_changed=call.now)
    if given is not None:
        rotation_progress.refuse_if_locked(call, secret, token)
        sealed = values.seal(call, arn, token, secret.kms_key_id, given)
        secret = versions.add_version(call, secret, token, sealed, None)
    if kms_key is not None:
        _reencrypt(call, Found(secret, arn), kms_key)
    if given is not None:
        secret = rotation_progress.value_added(call, secret, token)
    records.update_secret(call.tx, secret)
    return api.UpdateSecretResponse(ARN=arn, Name=secret.name, VersionId=token if given else None)


def _reencrypt(call: Call, found: Found, kms_key: str) -> None:
    """Bring the versions in use under the secret's present KMS key; those that are there already stay as they are."""
    secret, arn = found
    labels = rules.labels_of(secret.stages)
    for version_id in dict.fromkeys(labels[label] for label in REENCRYPTED if label in labels):
        version: Version | None = records.read_version(call.tx, secret, version_id)
        if version is None or version.kind is None or version.kms_key == kms_key:
            continue
        data_key = values.rewrap(call, arn, version, secret.kms_key_id)
        if data_key is None:
            return
        records.rewrap_version(call.tx, secret, version_id, kms_key, data_key)


# -- DeleteSecret, RestoreSecret ---------------------------------------------------------------------------------------


def delete_secret(call: Call, value: api.DeleteSecretRequest) -> api.DeleteSecretResponse:
    """Schedule the end of a secret, or end it now when forced; forced, a secret that does not exist is no error."""
    assert value.SecretId is not None
    context: RequestContext = {"secretsmanager:SecretId": value.SecretId}
    if value.ForceDeleteWithoutRecovery is not None:
        context["secretsmanager:ForceDeleteWithoutRecovery"] = value.ForceDeleteWithoutRecovery
    if value.RecoveryWindowInDays is not None:
        context["secretsmanager:RecoveryWindowInDays"] = value.RecoveryWindowInDays
    force = bool(value.ForceDeleteWithoutRecovery)
    found = look_up(call, value.SecretId)
    if found is None:
        authorize_missing(call, "secretsmanager:DeleteSecret", value.SecretId, context)
        date = rules.deletion_date(value.RecoveryWindowInDays, force, call.now)
        return _delete_missing(call, value.SecretId, date, force)
    secret, arn = found
    add_resource_keys(context, secret.region, secret.tags, secret.type, secret.rotation)
    authorize_found(call, "secretsmanager:DeleteSecret", arn, secret.account, value.SecretId, context, secret.policy)
    date = rules.deletion_date(value.RecoveryWindowInDays, force, call.now)
    if force:
        rotation_progress.schedule_at(call, secret, 0)
        _version_events(call, found, "EndSecretVersionDelete")
        records.delete_secret(call.tx, secret)
        call.cancel(DELETE_JOB, rotation_progress.subject_of(secret), account=secret.account)
    elif secret.deletion_date:
        raise api.InvalidRequestException(rules.ALREADY_SCHEDULED)
    else:
        rotation_progress.suspend(call, secret)
        records.update_secret(call.tx, secret._replace(deletion_date=date, last_changed=call.now))
        payload = {"name": secret.name, "suffix": secret.suffix}
        call.schedule(DELETE_JOB, rotation_progress.subject_of(secret), date, payload, account=secret.account)
        _version_events(call, found, "StartSecretVersionDelete")
    return api.DeleteSecretResponse(ARN=arn, Name=secret.name, DeletionDate=date / 1000)


def _delete_missing(call: Call, secret_id: str, date: int, force: bool) -> api.DeleteSecretResponse:
    where = refer(call, secret_id)
    if where is None or not force:
        raise api.ResourceNotFoundException(NOT_FOUND)
    suffix = where.suffix or call.randomness.token(SUFFIX_ALPHABET, SUFFIX_LENGTH)
    arn = secret_arn(call.partition, where.account, where.region, where.name, suffix)
    return api.DeleteSecretResponse(ARN=arn, Name=where.name, DeletionDate=date / 1000)


def _version_events(call: Call, found: Found, name: str) -> None:
    """A service event about every version ("Log with CloudTrail", user guide)."""
    for version in records.list_versions(call.tx, found.secret, "", rules.MAXIMUM_VERSIONS):
        details = {"SecretId": found.arn, "SecretVersionId": version.version_id}
        call.service_event("secretsmanager", name, details=details, account=found.secret.account)


def restore_secret(call: Call, value: api.RestoreSecretRequest) -> api.RestoreSecretResponse:
    """Take a scheduled deletion back; an active secret stays as it is."""
    secret, arn = find(call, value.SecretId, "secretsmanager:RestoreSecret")
    if secret.deletion_date:
        records.update_secret(call.tx, secret._replace(deletion_date=0, last_changed=call.now))
        call.cancel(DELETE_JOB, rotation_progress.subject_of(secret), account=secret.account)
        rotation_progress.resume(call, secret)
        _version_events(call, Found(secret, arn), "CancelSecretVersionDelete")
    return api.RestoreSecretResponse(ARN=arn, Name=secret.name)


def end_recovery_window(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """The job: remove the secret if it is still the one that was scheduled and its window is over."""
    where = Reference(call.account, call.region, payload["name"], payload["suffix"])
    secret = records.read_secret(call.tx, where)
    if secret is not None and secret.deletion_date and secret.deletion_date <= call.now:
        _version_events(call, Found(secret, arn_of(call, secret)), "EndSecretVersionDelete")
        records.delete_secret(call.tx, secret)
