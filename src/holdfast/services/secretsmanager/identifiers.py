"""Names and ARNs of secrets, taken apart and put together; pure.

    arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<6 random letters and digits>

A SecretId is a name in the caller's own account and region, a whole ARN, or an ARN without the random part. A name
that itself ends in a hyphen and six characters makes the last two look alike; AWS warns of such names ("Don't end your
secret name with a hyphen followed by six characters", CreateSecret), and like AWS we then read the ARN as whole.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from holdfast.api import secretsmanager as api
from holdfast.remember import remember
from holdfast.services.arn import parse_arn

SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SUFFIX_LENGTH = 6
DEFAULT_KEY = "alias/aws/secretsmanager"
NAME_FOLLOWS = " "
"""A name and this is the first text after the name: every character of a name comes after a space."""
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
_SUFFIX = re.compile(r"[A-Za-z0-9]{6}")
BAD_NAME = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"


class Reference(NamedTuple):
    """Where a SecretId points. `suffix` is empty when the id does not say."""

    account: str
    region: str
    name: str
    suffix: str


def secret_arn(partition: str, account: str, region: str, name: str, suffix: str) -> str:
    return f"arn:{partition}:secretsmanager:{region}:{account}:secret:{name}-{suffix}"


_references: Final[dict[tuple[str, str, str, str], Reference]] = {}


def reference(partition: str, account: str, region: str, secret_id: str) -> Reference | None:
    """What `secret_id` names for a caller of this account and region; None when it can name no secret here.

    An ARN of another Region names none: secrets are found in their own Region only.
    """
    name = (partition, account, region, secret_id)
    known = _references.get(name)
    if known is None:
        known = _refer(partition, account, region, secret_id)
        if known is not None:
            remember(_references, name, known, 1024)
    return known


def _refer(partition: str, account: str, region: str, secret_id: str) -> Reference | None:
    if not secret_id.startswith("arn:"):
        return Reference(account, region, secret_id, "")
    arn = parse_arn(secret_id)
    if arn is None or arn.service != "secretsmanager" or arn.partition != partition or arn.region != region:
        return None
    kind, _, name = arn.resource.partition(":")
    if kind != "secret" or not name:
        return None
    if len(name) > SUFFIX_LENGTH + 1 and name[-SUFFIX_LENGTH - 1] == "-" and _SUFFIX.fullmatch(name[-SUFFIX_LENGTH:]):
        return Reference(arn.account, region, name[: -SUFFIX_LENGTH - 1], name[-SUFFIX_LENGTH:])
    return Reference(arn.account, region, name, "")


def owner_of(account: str, secret_id: str) -> str:
    """The account that a SecretId says owns the secret, whether there is one or not."""
    arn = parse_arn(secret_id) if secret_id.startswith("arn:") else None
    return arn.account if arn is not None and arn.account else account


def check_name(name: str) -> None:
    """Raise InvalidParameterException for a name that no secret may have."""
    if not _NAME.fullmatch(name):
        raise api.InvalidParameterException(BAD_NAME)


def is_default_key(partition: str, account: str, region: str, kms_key_id: str) -> bool:
    """Whether a KmsKeyId means the account's own AWS managed key, which replies do not name."""
    return kms_key_id in ("", DEFAULT_KEY) or kms_key_id == f"arn:{partition}:kms:{region}:{account}:{DEFAULT_KEY}"
