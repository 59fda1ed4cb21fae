"""What staging labels, versions and deletion may do; pure functions over immutable state.

The state of a secret's labels is a mapping label -> version id, so a label is on one version at most by its shape. A
version without a label is deprecated: still readable by its id, listed only when asked for, and removed when room is
needed.

INVARIANT: once AWSCURRENT is set it moves and never vanishes; when it moves from A to B, AWSPREVIOUS is on A; there are
never more than 20 labels and 100 versions; no version younger than a day is removed (Secrets Manager user guide,
"What's in a Secrets Manager secret?", and quotas).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from holdfast.api import secretsmanager as api

Labels = Mapping[str, str]
"""Label -> id of the version that bears it."""
Stages = dict[str, list[str]]
"""Version id -> its labels; versions without one are left out."""

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
PENDING = "AWSPENDING"

MAXIMUM_LABELS = 20
MAXIMUM_VERSIONS = 100
DAY = 86_400_000
YOUNG = DAY
"""Milliseconds for which a version is never removed."""
LEAST_WINDOW = 7
LONGEST_WINDOW = 30

MARKED_FOR_DELETION = "You can't perform this operation on the secret because it was marked for deletion."
ALREADY_SCHEDULED = "You can't perform this operation on the secret because it was already scheduled for deletion."
WINDOW_AND_FORCE = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
BAD_WINDOW = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
TOO_MANY_LABELS = "You can't attach more than 20 staging labels to the versions of a secret."
TOO_MANY_VERSIONS = (
    "You can't create another version of this secret because it already has 100 versions and none of them can be "
    "removed: they are in use or less than 24 hours old."
)
CURRENT_MUST_STAY = (
    "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."
)
NOTHING_TO_MOVE = "You must specify MoveToVersionId, RemoveFromVersionId, or both."

_encode = msgspec.json.encode
decode_stages = msgspec.json.Decoder(Stages).decode


# -- labels ------------------------------------------------------------------------------------------------------------


def labels_of(stages: str) -> dict[str, str]:
    """Labels from their stored text."""
    return {label: version for version, labels in decode_stages(stages).items() for label in labels}


def stages_text(labels: Labels) -> str:
    """The stored text of labels."""
    stages: Stages = {}
    for label in sorted(labels):
        stages.setdefault(labels[label], []).append(label)
    return _encode(stages).decode()


def attach(labels: Labels, version_id: str, wanted: Iterable[str]) -> dict[str, str]:
    """Labels after a version got those `wanted`, wherever they were before. LimitExceededException above 20."""
    after = dict(labels)
    for label in wanted:
        after[label] = version_id
    left = labels.get(CURRENT)
    if left is not None and after[CURRENT] != left:
        # Comes last: where AWSPREVIOUS goes is not the caller's choice when AWSCURRENT moves.
        after[PREVIOUS] = left
    if len(after) > MAXIMUM_LABELS:
        raise api.LimitExceededException(TOO_MANY_LABELS)
    return after


def labels_of_new_version(wanted: Collection[str] | None, *, first: bool) -> list[str]:
    """What a new version bears: AWSCURRENT unless asked otherwise, and the first one of a secret in any case."""
    labels = list(dict.fromkeys(wanted)) if wanted else [CURRENT]
    if first and CURRENT not in labels:
        labels.append(CURRENT)
    return labels


def move_label(labels: Labels, label: str, move_to: str | None, remove_from: str | None) -> dict[str, str]:
    """Labels after UpdateSecretVersionStage; equal to those before when there was nothing to do.

    The caller has checked that both versions exist. Raises InvalidParameterException, LimitExceededException.
    """
    holder = labels.get(label)
    if move_to is None and remove_from is None:
        raise api.InvalidParameterException(NOTHING_TO_MOVE)
    if remove_from is not None and remove_from != holder:
        raise api.InvalidParameterException(
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be set to the version "
            f"that currently has the staging label {label}."
        )
    if move_to is None:
        if label == CURRENT:
            raise api.InvalidParameterException(CURRENT_MUST_STAY)
        return {other: version for other, version in labels.items() if other != label}
    if move_to == holder:
        return dict(labels)
    if holder is not None and remove_from is None:
        raise api.InvalidParameterException(
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently attached to version "
            f"{holder}, so you must explicitly reference that version in RemoveFromVersionId."
        )
    return attach(labels, move_to, (label,))


# -- versions ----------------------------------------------------------------------------------------------------------


def versions_to_remove(count: int, labels: Labels, created: Mapping[str, int], now: int) -> list[str]:
    """Which versions make room for one more: the oldest deprecated ones, as few as needed, none younger than a day.

    `count` is how many there are, `created` when each came to be, `labels` those after the new version got its own.
    Raises LimitExceededException when there is no room to be made.
    """
    needed = count + 1 - MAXIMUM_VERSIONS
    if needed <= 0:
        return []
    labelled = set(labels.values())
    old = [v for v, moment in created.items() if v not in labelled and now - moment >= YOUNG]
    if len(old) < needed:
        raise api.LimitExceededException(TOO_MANY_VERSIONS)
    return sorted(old, key=lambda v: (created[v], v))[:needed]


def token_in_use(token: str, arn: str) -> api.ResourceExistsException:
    return api.ResourceExistsException(
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )


# -- deletion ----------------------------------------------------------------------------------------------------------


def deletion_date(window: int | None, force: bool, now: int) -> int:
    """When a secret is removed: now if forced, else after the recovery window (days). InvalidParameterException."""
    if force:
        if window is not None:
            raise api.InvalidParameterException(WINDOW_AND_FORCE)
        return now
    days = LONGEST_WINDOW if window is None else window
    if not LEAST_WINDOW <= days <= LONGEST_WINDOW:
        raise api.InvalidParameterException(BAD_WINDOW)
    return now + days * DAY


def start_of_day(now: int) -> int:
    """The day a secret was read on, which is all that LastAccessedDate tells."""
    return now - now % DAY


def changed_labels(before: Labels, after: Labels) -> tuple[Sequence[tuple[str, str]], Sequence[str]]:
    """What to write: (label, version id) that are new or moved, and labels that are gone."""
    moved = [(label, version) for label, version in after.items() if before.get(label) != version]
    return moved, [label for label in before if label not in after]
