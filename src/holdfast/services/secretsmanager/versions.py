"""Adding a version to a secret: its row, its labels, and room for it.

The functions return the secret's row as it is then; PutSecretValue and UpdateSecret write it with whatever else they
change.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.services.call import Call
from holdfast.services.secretsmanager import records, rules
from holdfast.services.secretsmanager.labels import write_labels
from holdfast.services.secretsmanager.records import SealedValue, Secret


def insert_with_version(call: Call, secret: Secret, value: SealedValue) -> None:
    """A new secret, written with its first version, whose id is the token of CreateSecret."""
    labels = rules.attach({}, secret.create_token, rules.labels_of_new_version(None, first=True))
    records.insert_secret(call.tx, secret._replace(version_count=1, stages=rules.stages_text(labels)))
    records.insert_version(call.tx, secret, secret.create_token, call.now, value)
    write_labels(call, secret, {}, labels)


def add_version(
    call: Call, secret: Secret, version_id: str, value: SealedValue, wanted: Sequence[str] | None
) -> Secret:
    """A new version with the labels `wanted`, AWSCURRENT when None.

    Raises LimitExceededException when there is no room for the version or for its labels.
    """
    labels = rules.labels_of_new_version(wanted, first=secret.version_count == 0)
    return _insert(call, secret, version_id, value, labels)


def reserve_version(call: Call, secret: Secret, version_id: str, labels: Sequence[str]) -> Secret:
    """A version without a value, which a rotation fills. LimitExceededException when there is no room."""
    return _insert(call, secret, version_id, None, labels)


def _insert(call: Call, secret: Secret, version_id: str, value: SealedValue | None, labels: Sequence[str]) -> Secret:
    before = rules.labels_of(secret.stages)
    after = rules.attach(before, version_id, labels)
    superfluous = _superfluous(call, secret, after)
    records.insert_version(call.tx, secret, version_id, call.now, value)
    secret = write_labels(call, secret, before, after)
    for old in superfluous:
        records.delete_version(call.tx, secret, old)
    return secret._replace(version_count=secret.version_count + 1 - len(superfluous), last_changed=call.now)


def fill_version(
    call: Call, secret: Secret, version_id: str, value: SealedValue, wanted: Sequence[str] | None
) -> Secret:
    """Give a reserved version its value and the labels `wanted`, AWSCURRENT when None. LimitExceededException."""
    before = rules.labels_of(secret.stages)
    after = rules.attach(before, version_id, rules.labels_of_new_version(wanted, first=False))
    records.fill_version(call.tx, secret, version_id, value)
    return write_labels(call, secret, before, after)._replace(last_changed=call.now)


def _superfluous(call: Call, secret: Secret, labels: rules.Labels) -> list[str]:
    if secret.version_count < rules.MAXIMUM_VERSIONS:
        return []
    versions = records.list_versions(call.tx, secret, "", rules.MAXIMUM_VERSIONS)
    created = {version.version_id: version.created for version in versions}
    return rules.versions_to_remove(secret.version_count, labels, created, call.now)
