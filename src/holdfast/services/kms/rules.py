"""Key states, deletion and rotation, as pure functions.

A key's life is one value, `Lifecycle`; an event is a function from it to the next one, or one of KMS's errors. Which
jobs must be pending follows from the value alone (`due_jobs`), so a job can neither be forgotten nor left behind.

    Enabled ⇄ Disabled            EnableKey, DisableKey
    either → PendingDeletion      ScheduleKeyDeletion
    PendingDeletion → Disabled    CancelKeyDeletion
    PendingDeletion → gone        when the waiting period is over

Source: KMS developer guide, "Key states of AWS KMS keys" (the table and its notes [1] to [4] give the texts).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from holdfast.api.base import ValidationException
from holdfast.api.kms import (
    ConflictException,
    DisabledException,
    DryRunOperationException,
    KMSInvalidStateException,
    LimitExceededException,
    TagException,
)

DAY = 86_400_000
"""Milliseconds."""
SHORTEST_WAITING_PERIOD = 7
LONGEST_WAITING_PERIOD = 30
DEFAULT_WAITING_PERIOD = 30
DEFAULT_ROTATION_PERIOD = 365
MAXIMUM_ON_DEMAND_ROTATIONS = 25
"""KMS API reference, RotateKeyOnDemand."""
QUIET_TIME_BEFORE_ROTATION = 20 * 60_000
"""No on-demand rotation this close to an automatic one (KMS API reference, ConflictException)."""
MAXIMUM_TAGS = 50
MAXIMUM_ALIASES = 50
"""Aliases of one key (KMS developer guide, "Resource quotas")."""

DRY_RUN_TEXT = "The request would have succeeded, but the DryRun option is set."
DELETE_JOB = "kms.delete-key"
ROTATE_JOB = "kms.rotate-key"


class KeyState(StrEnum):
    """The states that a key of AWS_KMS origin can be in."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What changes in a key's life. Times are service milliseconds, 0 for none."""

    state: KeyState = KeyState.ENABLED
    deletion_due: int = 0
    rotation_period: int = 0
    """Days; 0 when automatic rotation is off. It survives disabling and a cancelled deletion."""
    next_rotation: int = 0

    @property
    def rotation_enabled(self) -> bool:
        """As GetKeyRotationStatus tells it: false while the key is pending deletion, though the setting is kept."""
        return self.rotation_period > 0 and self.state is not KeyState.PENDING_DELETION


def stop_dry_run(dry_run: bool | None) -> None:
    """Answer a request that would have succeeded now, and only asks whether it would."""
    if dry_run:
        raise DryRunOperationException(DRY_RUN_TEXT)


def require_usable(state: KeyState, arn: str) -> None:
    """Refuse to encrypt or decrypt with a key that is not Enabled."""
    if state is not KeyState.ENABLED:
        if state is KeyState.DISABLED:
            raise DisabledException(f"{arn} is disabled.")
        raise pending_deletion(arn)


def require_not_pending(state: KeyState, arn: str) -> None:
    """Refuse to change a key that is waiting for its deletion."""
    if state is KeyState.PENDING_DELETION:
        raise pending_deletion(arn)


def pending_deletion(arn: str) -> KMSInvalidStateException:
    return KMSInvalidStateException(f"{arn} is pending deletion.")


def enable(key: Lifecycle, arn: str, now: int) -> Lifecycle:
    """EnableKey; enabling an enabled key changes nothing.

    A key that missed a rotation is rotated "immediately, and every year thereafter"; another "resumes its prior rotation
    schedule" (KMS API reference, GetKeyRotationStatus): the schedule of the first one begins anew now.
    """
    require_not_pending(key.state, arn)
    missed = key.state is KeyState.DISABLED and key.rotation_period > 0 and key.next_rotation < now
    return replace(key, state=KeyState.ENABLED, next_rotation=now if missed else key.next_rotation)


def disable(key: Lifecycle, arn: str) -> Lifecycle:
    """DisableKey; disabling a disabled key changes nothing."""
    require_not_pending(key.state, arn)
    return replace(key, state=KeyState.DISABLED)


def waiting_period(days: int | None) -> int:
    """The days that ScheduleKeyDeletion waits. The model allows 1 to 365, KMS itself 7 to 30."""
    if days is None:
        return DEFAULT_WAITING_PERIOD
    if not SHORTEST_WAITING_PERIOD <= days <= LONGEST_WAITING_PERIOD:
        raise ValidationException(
            f"PendingWindowInDays must be between {SHORTEST_WAITING_PERIOD} and {LONGEST_WAITING_PERIOD}"
        )
    return days


def schedule_deletion(key: Lifecycle, arn: str, days: int, now: int) -> Lifecycle:
    """ScheduleKeyDeletion: `days` from now the key is gone."""
    require_not_pending(key.state, arn)
    return replace(key, state=KeyState.PENDING_DELETION, deletion_due=now + days * DAY)


def cancel_deletion(key: Lifecycle, arn: str) -> Lifecycle:
    """CancelKeyDeletion. The key comes back disabled, whatever it was before."""
    if key.state is not KeyState.PENDING_DELETION:
        raise KMSInvalidStateException(f"{arn} is not pending deletion.")
    return replace(key, state=KeyState.DISABLED, deletion_due=0)


def deletion_is_due(key: Lifecycle, now: int) -> bool:
    return key.state is KeyState.PENDING_DELETION and key.deletion_due <= now


def enable_rotation(key: Lifecycle, arn: str, days: int | None, now: int) -> Lifecycle:
    """EnableKeyRotation: every `days` from now on. The same period again does not move the next rotation."""
    require_usable(key.state, arn)
    period = DEFAULT_ROTATION_PERIOD if days is None else days
    if period == key.rotation_period:
        return key
    return replace(key, rotation_period=period, next_rotation=now + period * DAY)


def disable_rotation(key: Lifecycle, arn: str) -> Lifecycle:
    """DisableKeyRotation."""
    require_usable(key.state, arn)
    return replace(key, rotation_period=0, next_rotation=0)


def rotation_is_due(key: Lifecycle, now: int) -> bool:
    """Whether to rotate now. Only enabled keys rotate; one that missed its moment does so when it is enabled again."""
    return key.state is KeyState.ENABLED and key.rotation_period > 0 and key.next_rotation <= now


def rotated(key: Lifecycle, now: int) -> Lifecycle:
    """After an automatic rotation: the next moment of the schedule that is still to come."""
    period = key.rotation_period * DAY
    missed = max(0, now - key.next_rotation) // period
    return replace(key, next_rotation=key.next_rotation + (missed + 1) * period)


def require_rotation_on_demand(key: Lifecycle, arn: str, done: int, now: int) -> None:
    """Refuse RotateKeyOnDemand for a key that was rotated so `done` times, or is about to rotate by itself."""
    require_usable(key.state, arn)
    if done >= MAXIMUM_ON_DEMAND_ROTATIONS:
        raise LimitExceededException(
            f"{arn} has reached the limit of {MAXIMUM_ON_DEMAND_ROTATIONS} on-demand rotations."
        )
    if key.rotation_period and key.next_rotation - now <= QUIET_TIME_BEFORE_ROTATION:
        raise ConflictException(f"An automatic rotation of {arn} is in progress or begins within the next 20 minutes.")


def due_jobs(key: Lifecycle) -> dict[str, int]:
    """The jobs that must be pending for a key in this state, with their moments; any other must not be."""
    jobs: dict[str, int] = {}
    if key.state is KeyState.PENDING_DELETION:
        jobs[DELETE_JOB] = key.deletion_due
    elif key.state is KeyState.ENABLED and key.rotation_period:
        jobs[ROTATE_JOB] = key.next_rotation
    return jobs


def check_new_tags(keys: list[str]) -> None:
    """Refuse tag keys that a customer may not set, or sets twice in one request."""
    if len(set(keys)) != len(keys):
        raise TagException("Duplicate tag keys")
    if len(keys) > MAXIMUM_TAGS:
        raise TagException("Too many tags")
    if any(key.lower().startswith("aws:") for key in keys):
        raise TagException("Tags beginning with aws: are reserved")


def check_tag_count(count: int) -> None:
    """Refuse more tags on one key than KMS keeps."""
    if count > MAXIMUM_TAGS:
        raise LimitExceededException(f"A KMS key can have at most {MAXIMUM_TAGS} tags.")


def check_alias_count(count: int, arn: str) -> None:
    """Refuse an alias more when a key already has `count` of them."""
    if count >= MAXIMUM_ALIASES:
        raise LimitExceededException(f"{arn} has reached the limit of {MAXIMUM_ALIASES} aliases.")
