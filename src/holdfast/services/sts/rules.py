"""Rules of STS that need nothing but their arguments: ids, durations, session tags, sizes.

Sources: the STS API reference; IAM user guide, "Pass session tags in AWS STS" and "Chaining roles"; facts named where
they are used. Texts that AWS does not document are listed in `ledger.toml`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from holdfast.api import sts
from holdfast.api.base import CommonError, ValidationException

if TYPE_CHECKING:
    from holdfast.vault.randomness import Randomness

HOUR = 3600
SHORTEST = 900
SESSION_TOKEN_DEFAULT = 43_200
"""GetSessionToken of a user; the root user's sessions last an hour at most."""
PACKED_LIMIT = 2048
"""Bytes that session policies and session tags may take in a token: 100 % in PackedPolicySize."""
POLICY_LIMIT = 2048
"""Characters of inline session policy and managed policy ARNs together."""
POLICY_ARNS_LIMIT = 10

_KEY_PREFIX = "ASIA"
_RANDOM_BITS = 39
_ACCOUNT_BITS = 40
_ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role(/[\x21-\x7e]*?)?/([\w+=,.@-]+)", re.ASCII)
_BASE32_ID = re.compile(r"[A-Z2-7]{16}")
_RESERVED = "aws:"


class InvalidParameterValue(CommonError):
    """Session tags that contradict each other or those that are inherited."""

    code = "InvalidParameterValue"


# -- access key ids -----------------------------------------------------------------------------------------------------


def new_session_key_id(randomness: Randomness, account: str) -> str:
    """An access key id of temporary credentials, which names its account.

    ASIA and 80 bits in base32, as AWS makes them since 2019: one bit, 40 bits of account id, 39 bits at random. No row
    tells of a session, so GetAccessKeyInfo reads the account from the id. Two sessions with one id do no harm: each
    token opens to its own secret.
    """
    number = 1 << _ACCOUNT_BITS | int(account)
    number = number << _RANDOM_BITS | randomness.below(1 << _RANDOM_BITS)
    return _KEY_PREFIX + base64.b32encode(number.to_bytes(10, "big")).decode()


def account_of_session_key(access_key_id: str) -> str | None:
    """The account that a temporary access key id names; None when it is not the id of such credentials."""
    text = access_key_id.removeprefix(_KEY_PREFIX)
    if text == access_key_id or not _BASE32_ID.fullmatch(text):
        return None
    number = int.from_bytes(base64.b32decode(text), "big") >> _RANDOM_BITS
    account = number & ((1 << _ACCOUNT_BITS) - 1)
    return f"{account:012}" if number >> _ACCOUNT_BITS and account < 10**12 else None


# -- roles --------------------------------------------------------------------------------------------------------------


def parse_role_arn(arn: str) -> tuple[str, str]:
    """Account and role name of a role's ARN; ValidationException when it is not one."""
    match = _ROLE_ARN.fullmatch(arn)
    if match is None:
        raise ValidationException("Request ARN is invalid")
    return match[2], match[4]


def role_duration(asked: int | None, maximum: int, *, chained: bool) -> int:
    """How long a role session lasts, in seconds. `maximum` is the role's MaxSessionDuration.

    A session assumed with another role's session lasts an hour at most (role chaining).
    """
    duration = HOUR if asked is None else asked
    if chained and duration > HOUR:
        raise ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if duration > maximum:
        raise ValidationException("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return duration


def session_token_duration(asked: int | None, *, root: bool) -> int:
    """How long GetSessionToken's credentials last; a longer wish of the root user is cut to an hour, as AWS does."""
    if root:
        return HOUR if asked is None else min(asked, HOUR)
    return SESSION_TOKEN_DEFAULT if asked is None else asked


# -- session tags -------------------------------------------------------------------------------------------------------


def tags_of(tags: Sequence[sts.Tag] | None) -> dict[str, str]:
    """Session tags as a dictionary. Keys are one key if they differ in case only, and must not repeat."""
    found: dict[str, str] = {}
    folded: set[str] = set()
    for tag in tags or ():
        key, value = tag.Key or "", tag.Value or ""
        if key.lower() in folded:
            raise InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        if key.lower().startswith(_RESERVED):
            raise InvalidParameterValue("User-provided tag keys can't start with the reserved prefix: aws:")
        folded.add(key.lower())
        found[key] = value
    return found


def inherit(
    tags: Mapping[str, str], transitive: Sequence[str], inherited: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """All tags of the new session and its transitive keys, from those passed and the transitive ones of the caller's."""
    spelled = {key.lower(): key for key in tags}
    if any(key.lower() in spelled for key in inherited):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
            "the calling session."
        )
    for key in transitive:
        if key.lower() not in spelled:
            raise InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    passed_on = dict.fromkeys([*inherited, *(spelled[key.lower()] for key in transitive)])
    return {**tags, **inherited}, tuple(passed_on)


def merged_tags(own: Mapping[str, str], session: Mapping[str, str]) -> dict[str, str]:
    """Tags of a role with those of its session over them: a session's `department` replaces the role's `Department`."""
    if not session:
        return dict(own)
    over = {key.lower() for key in session}
    return {**{key: value for key, value in own.items() if key.lower() not in over}, **session}


# -- session policies ---------------------------------------------------------------------------------------------------


def check_policy_arns(policy: str, arns: Sequence[str]) -> None:
    """The limits on what may be passed as session policies; ValidationException."""
    if len(arns) > POLICY_ARNS_LIMIT:
        raise ValidationException(
            f"1 validation error detected: Value at 'policyArns' failed to satisfy constraint: "
            f"Member must have length less than or equal to {POLICY_ARNS_LIMIT}"
        )
    if len(policy) + sum(map(len, arns)) > POLICY_LIMIT:
        raise ValidationException(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: "
            f"Member must have length less than or equal to {POLICY_LIMIT}"
        )


def packed_percentage(policy: bytes, arns: Sequence[str], tags: Mapping[str, str]) -> int:
    """How much of the space for session policies and session tags is used, in percent, rounded up.

    PackedPolicyTooLargeException above 100.
    """
    # Two bytes for each text's own length.
    tag_bytes = sum(len(key.encode()) + len(value.encode()) + 4 for key, value in tags.items())
    size = len(policy) + sum(len(arn) + 2 for arn in arns) + tag_bytes
    percentage = -(-size * 100 // PACKED_LIMIT)
    if percentage > 100:
        if not policy and not arns:
            raise sts.PackedPolicyTooLargeException(
                f"Packed size of session tags consumes {percentage}% of allotted space."
            )
        raise sts.PackedPolicyTooLargeException(
            f"Packed policy consumes {percentage}% of allotted space, please use smaller policy."
        )
    return percentage
