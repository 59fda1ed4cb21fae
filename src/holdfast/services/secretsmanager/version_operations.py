"""ListSecretVersionIds, UpdateSecretVersionStage."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.paging import next_token
from holdfast.services.secretsmanager import records, rotation_progress, rules
from holdfast.services.secretsmanager.finding import find, find_active, version_not_found
from holdfast.services.secretsmanager.labels import write_labels
from holdfast.services.secretsmanager.records import VERSION_ACCESS, ListedVersion, Secret
from holdfast.services.secretsmanager.selection import open_position

PAGE = 100
DEFAULT_KEY_SHOWN = "DefaultEncryptionKey"


def list_secret_version_ids(call: Call, value: api.ListSecretVersionIdsRequest) -> api.ListSecretVersionIdsResponse:
    """A page of a secret's versions, the deprecated ones only if asked for; also while it is scheduled for deletion."""
    secret, arn = find(call, value.SecretId, "secretsmanager:ListSecretVersionIds")
    deprecated = bool(value.IncludeDeprecated)
    scope = [arn, deprecated]
    opened = open_position(call, "ListSecretVersionIds", scope, value.NextToken)
    stages = rules.decode_stages(secret.stages)
    versions = records.list_versions(call.tx, secret, opened[0] if opened else "", rules.MAXIMUM_VERSIONS)
    shown = [version for version in versions if deprecated or version.version_id in stages]
    page = shown[: value.MaxResults or PAGE]
    token = None
    if len(shown) > len(page):
        token = next_token(call, "ListSecretVersionIds", scope, [page[-1].version_id])
    entries = [_entry(call, secret, version, stages.get(version.version_id)) for version in page]
    return api.ListSecretVersionIdsResponse(Versions=entries, NextToken=token, ARN=arn, Name=secret.name)


def _entry(call: Call, secret: Secret, version: ListedVersion, labels: list[str] | None) -> api.SecretVersionsListEntry:
    noted = call.pending_note(VERSION_ACCESS, (*secret.key, version.version_id)) or 0
    accessed = max(version.last_accessed, noted)
    return api.SecretVersionsListEntry(
        VersionId=version.version_id,
        VersionStages=labels,
        LastAccessedDate=accessed / 1000 if accessed else None,
        CreatedDate=version.created / 1000,
        KmsKeyIds=None if version.kms_key is None else [version.kms_key or DEFAULT_KEY_SHOWN],
    )


def update_secret_version_stage(
    call: Call, value: api.UpdateSecretVersionStageRequest
) -> api.UpdateSecretVersionStageResponse:
    """Attach, move or detach one staging label."""
    assert value.VersionStage is not None
    label, move_to, remove_from = value.VersionStage, value.MoveToVersionId, value.RemoveFromVersionId
    secret, arn = find_active(
        call, value.SecretId, "secretsmanager:UpdateSecretVersionStage", {"secretsmanager:VersionStage": label}
    )
    for version_id in (move_to, remove_from):
        version = None if version_id is None else records.read_version(call.tx, secret, version_id)
        if version_id is not None and version is None:
            raise version_not_found(version_id)
        if version is not None and version.kind is None and version_id == move_to and label == rules.CURRENT:
            raise api.InvalidRequestException(
                f"You can't move staging label {label} to version {version_id} because it has no secret value."
            )
    before = rules.labels_of(secret.stages)
    after = rules.move_label(before, label, move_to, remove_from)
    if after != before:
        secret = write_labels(call, secret, before, after)._replace(last_changed=call.now)
        records.update_secret(call.tx, rotation_progress.labels_moved(call, secret, before))
    return api.UpdateSecretVersionStageResponse(ARN=arn, Name=secret.name)
