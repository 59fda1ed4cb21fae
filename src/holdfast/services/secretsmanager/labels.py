"""Where staging labels go from one version to another: the rows, and the event that tells of it.

An event for each label that comes to a version, that of a new secret included, except AWSPENDING and AWSPREVIOUS, which
belong to a rotation under way ("Secret Label Updated event", Secrets Manager user guide). A label that is taken off
comes to no version and is not told of.
"""

from __future__ import annotations

from holdfast.services.call import Call
from holdfast.services.secretsmanager import records, rules
from holdfast.services.secretsmanager.finding import arn_of
from holdfast.services.secretsmanager.records import Secret

LABEL_UPDATED = "Secret Label Updated"
NOT_TOLD = frozenset({rules.PENDING, rules.PREVIOUS})


def write_labels(call: Call, secret: Secret, before: rules.Labels, after: rules.Labels) -> Secret:
    """Bring the labels of a secret from `before` to `after`; the secret with its new `stages`, which the caller writes."""
    for label, version_id in rules.changed_labels(before, after)[0]:
        if label not in NOT_TOLD:
            detail = {"name": secret.name, "labelUpdated": label, "versionId": version_id}
            resources = (arn_of(call, secret),)
            call.emit("aws.secretsmanager", LABEL_UPDATED, resources, detail, account=secret.account)
    return records.write_labels(call.tx, secret, before, after)
