"""The life of a key: every event from every state, and the jobs that follow from a state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.base import ServiceError, ValidationException
from holdfast.api.kms import (
    ConflictException,
    DisabledException,
    KMSInvalidStateException,
    LimitExceededException,
    TagException,
)
from holdfast.services.kms import rules
from holdfast.services.kms.rules import DAY, DELETE_JOB, ROTATE_JOB, KeyState, Lifecycle

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NOW = 1_800_000_000_000

times = st.integers(1, 4_000_000_000_000)
periods = st.integers(90, 2560)


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    """Any state that the schema lets a key be in."""
    state = draw(st.sampled_from(KeyState))
    deletion_due = draw(times) if state is KeyState.PENDING_DELETION else 0
    period = draw(st.one_of(st.just(0), periods))
    return Lifecycle(state, deletion_due, period, draw(times) if period else 0)


EVENTS: dict[str, Callable[[Lifecycle], Lifecycle]] = {
    "enable": lambda key: rules.enable(key, ARN, NOW),
    "disable": lambda key: rules.disable(key, ARN),
    "schedule": lambda key: rules.schedule_deletion(key, ARN, 7, NOW),
    "cancel": lambda key: rules.cancel_deletion(key, ARN),
    "rotate": lambda key: rules.enable_rotation(key, ARN, 90, NOW),
    "stop": lambda key: rules.disable_rotation(key, ARN),
}
TABLE = {
    # The key state table of the developer guide: event -> (from Enabled, from Disabled, from PendingDeletion).
    "enable": ("Enabled", "Enabled", "pending"),
    "disable": ("Disabled", "Disabled", "pending"),
    "schedule": ("PendingDeletion", "PendingDeletion", "pending"),
    "cancel": ("not pending", "not pending", "Disabled"),
    "rotate": ("Enabled", "disabled", "pending"),
    "stop": ("Enabled", "disabled", "pending"),
}
REFUSALS = {
    "disabled": (DisabledException, f"{ARN} is disabled."),
    "pending": (KMSInvalidStateException, f"{ARN} is pending deletion."),
    "not pending": (KMSInvalidStateException, f"{ARN} is not pending deletion."),
}


@given(lifecycles(), st.sampled_from(sorted(EVENTS)))
def test_the_state_table(key: Lifecycle, event: str) -> None:
    expected = TABLE[event][list(KeyState).index(key.state)]
    if expected in REFUSALS:
        kind, text = REFUSALS[expected]
        with pytest.raises(ServiceError) as caught:
            EVENTS[event](key)
        assert type(caught.value) is kind
        assert caught.value.message == text
    else:
        assert EVENTS[event](key).state == expected


@given(lifecycles(), st.sampled_from(sorted(EVENTS)))
def test_invariants_of_the_schema_survive_every_event(key: Lifecycle, event: str) -> None:
    try:
        after = EVENTS[event](key)
    except ServiceError:
        return
    assert (after.state is KeyState.PENDING_DELETION) == (after.deletion_due > 0)
    assert (after.rotation_period > 0) == (after.next_rotation > 0)


@given(lifecycles())
def test_jobs_follow_from_the_state(key: Lifecycle) -> None:
    jobs = rules.due_jobs(key)
    assert (DELETE_JOB in jobs) == (key.state is KeyState.PENDING_DELETION)
    assert (ROTATE_JOB in jobs) == (key.state is KeyState.ENABLED and key.rotation_period > 0)
    assert all(due > 0 for due in jobs.values())


@given(lifecycles())
def test_only_enabled_keys_are_usable(key: Lifecycle) -> None:
    if key.state is KeyState.ENABLED:
        rules.require_usable(key.state, ARN)
        return
    with pytest.raises((DisabledException, KMSInvalidStateException)):
        rules.require_usable(key.state, ARN)


@given(lifecycles())
def test_a_cancelled_deletion_restores_the_rotation(key: Lifecycle) -> None:
    if key.state is KeyState.PENDING_DELETION:
        assert not key.rotation_enabled
        after = rules.cancel_deletion(key, ARN)
    else:
        after = rules.cancel_deletion(rules.schedule_deletion(key, ARN, 7, NOW), ARN)
    assert after.rotation_enabled == (key.rotation_period > 0)
    assert after.next_rotation == key.next_rotation


@given(periods, st.integers(1, 10**12), st.integers(0, 10**13))
def test_a_rotation_keeps_its_schedule(period: int, due: int, late: int) -> None:
    """However late a rotation is, the next one is in the future, at most a period away, and on the old grid."""
    now = due + late
    after = rules.rotated(Lifecycle(rotation_period=period, next_rotation=due), now)
    assert now < after.next_rotation <= now + period * DAY
    assert (after.next_rotation - due) % (period * DAY) == 0
    assert not rules.rotation_is_due(after, now)


def test_a_missed_rotation_begins_the_schedule_anew() -> None:
    """The next rotation is a whole period after the one that makes up for what was missed while the key was disabled."""
    disabled = Lifecycle(KeyState.DISABLED, rotation_period=365, next_rotation=NOW)
    late = NOW + 100 * DAY
    enabled = rules.enable(disabled, ARN, late)
    assert rules.rotation_is_due(enabled, late)
    assert rules.rotated(enabled, late).next_rotation == late + 365 * DAY
    # Nothing was missed, or the key was enabled all along: the schedule stays.
    assert rules.enable(disabled, ARN, NOW - DAY).next_rotation == NOW
    assert rules.enable(rules.enable(disabled, ARN, NOW), ARN, late).next_rotation == NOW
    never = Lifecycle(KeyState.DISABLED)
    assert rules.enable(never, ARN, late) == Lifecycle()


@given(lifecycles(), times)
def test_due_means_due(key: Lifecycle, now: int) -> None:
    assert rules.deletion_is_due(key, now) == (rules.due_jobs(key).get(DELETE_JOB, now + 1) <= now)
    assert rules.rotation_is_due(key, now) == (rules.due_jobs(key).get(ROTATE_JOB, now + 1) <= now)


def test_rotation_again_with_the_same_period_moves_nothing() -> None:
    key = rules.enable_rotation(Lifecycle(), ARN, None, NOW)
    assert key.rotation_period == 365
    assert key.next_rotation == NOW + 365 * DAY
    assert rules.enable_rotation(key, ARN, 365, NOW + DAY) == key
    assert rules.enable_rotation(key, ARN, 90, NOW + DAY).next_rotation == NOW + 91 * DAY


@given(st.integers(-400, 400))
def test_the_waiting_period(days: int) -> None:
    if 7 <= days <= 30:
        assert rules.waiting_period(days) == days
    else:
        with pytest.raises(ValidationException, match=r"^PendingWindowInDays must be between 7 and 30$"):
            rules.waiting_period(days)


def test_the_waiting_period_is_thirty_days_unless_said_otherwise() -> None:
    assert rules.waiting_period(None) == 30


def test_rotation_on_demand_is_bounded() -> None:
    rules.require_rotation_on_demand(Lifecycle(), ARN, 24, NOW)
    with pytest.raises(LimitExceededException):
        rules.require_rotation_on_demand(Lifecycle(), ARN, 25, NOW)


@pytest.mark.parametrize(("minutes", "refused"), [(20, True), (21, False)])
def test_rotation_on_demand_stays_away_from_an_automatic_one(minutes: int, refused: bool) -> None:
    key = Lifecycle(rotation_period=90, next_rotation=NOW + minutes * 60_000)
    if not refused:
        rules.require_rotation_on_demand(key, ARN, 0, NOW)
        return
    with pytest.raises(ConflictException):
        rules.require_rotation_on_demand(key, ARN, 0, NOW)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["a", "a"], "Duplicate tag keys"),
        ([str(n) for n in range(51)], "Too many tags"),
        (["AWS:x"], "Tags beginning with aws: are reserved"),
    ],
)
def test_tags_that_are_refused(keys: list[str], text: str) -> None:
    with pytest.raises(TagException) as caught:
        rules.check_new_tags(keys)
    assert caught.value.message == text


def test_tags_differ_by_case() -> None:
    rules.check_new_tags(["a", "A", *[str(n) for n in range(48)]])


def test_quotas() -> None:
    rules.check_tag_count(50)
    rules.check_alias_count(49, ARN)
    with pytest.raises(LimitExceededException):
        rules.check_tag_count(51)
    with pytest.raises(LimitExceededException):
        rules.check_alias_count(50, ARN)
