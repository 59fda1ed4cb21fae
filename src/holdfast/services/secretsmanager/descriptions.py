"""What DescribeSecret and ListSecrets tell of a secret. Only what has a value is told."""

from __future__ import annotations

from typing import Any

from holdfast.services.call import Call
from holdfast.services.secretsmanager.finding import arn_of
from holdfast.services.secretsmanager.identifiers import is_default_key
from holdfast.services.secretsmanager.records import SECRET_ACCESS, Secret
from holdfast.services.secretsmanager.rotation_rules import decode, described
from holdfast.services.secretsmanager.tags import shown_tags


def description(call: Call, secret: Secret) -> dict[str, Any]:
    """The members that both structures share, by AWS's names.

    The KMS key is told as the caller gave it, which infrastructure code compares with its own text, and not at all when
    it is the account's own. DeletedDate is "the date and time the deletion of the secret occurred" (SecretListEntry):
    when DeleteSecret was called, not when the window ends. Nothing changes a secret after that but its restoration, so
    it is the moment of the last change.
    """
    default_key = is_default_key(call.partition, secret.account, secret.region, secret.kms_key_id)
    accessed = max(secret.last_accessed, call.pending_note(SECRET_ACCESS, (*secret.key, secret.suffix)) or 0)
    return {
        "ARN": arn_of(call, secret),
        "Name": secret.name,
        "Type": secret.type or None,
        "Description": secret.description or None,
        "KmsKeyId": None if default_key else secret.kms_key_id,
        "LastChangedDate": secret.last_changed / 1000,
        "LastAccessedDate": accessed / 1000 if accessed else None,
        "DeletedDate": secret.last_changed / 1000 if secret.deletion_date else None,
        "Tags": shown_tags(secret.tags),
        "CreatedDate": secret.created / 1000,
        **described(decode(secret.rotation)),
    }
