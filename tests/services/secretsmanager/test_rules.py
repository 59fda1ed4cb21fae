"""Labels, versions and deletion: the invariants, for any sequence of events."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager import rules
from holdfast.services.secretsmanager.rules import CURRENT, DAY, PREVIOUS

VERSIONS = st.sampled_from([f"version-{n}" for n in range(6)])
LABELS = st.sampled_from([CURRENT, PREVIOUS, rules.PENDING, *(f"label/{n}:é" for n in range(22))])
STATES = st.dictionaries(LABELS, VERSIONS, max_size=rules.MAXIMUM_LABELS)


@given(STATES)
def test_labels_survive_storage(labels: dict[str, str]) -> None:
    text = rules.stages_text(labels)
    assert rules.labels_of(text) == labels
    for version, borne in rules.decode_stages(text).items():
        assert borne
        assert borne == sorted(label for label, bearer in labels.items() if bearer == version)


@given(STATES, VERSIONS, st.lists(LABELS, min_size=1, max_size=20))
def test_attaching(before: dict[str, str], version: str, wanted: list[str]) -> None:
    moves = CURRENT in wanted and before.get(CURRENT, version) != version
    try:
        after = rules.attach(before, version, wanted)
    except api.LimitExceededException:
        assert len({*before, *wanted, *((PREVIOUS,) if moves else ())}) > rules.MAXIMUM_LABELS
        return
    assert len(after) <= rules.MAXIMUM_LABELS
    if moves:
        assert after[PREVIOUS] == before[CURRENT]
    for label in {*before, *wanted}:
        if label == PREVIOUS and moves:
            continue
        assert after[label] == (version if label in wanted else before[label])


@given(st.none() | st.lists(LABELS, max_size=20), st.booleans())
def test_labels_of_a_new_version(wanted: list[str] | None, first: bool) -> None:
    labels = rules.labels_of_new_version(wanted, first=first)
    assert len(labels) == len(set(labels))
    assert set(wanted or ()) <= set(labels)
    if first or not wanted:
        assert CURRENT in labels
    assert set(labels) <= {*(wanted or ()), CURRENT}


@given(STATES, LABELS, st.none() | VERSIONS, st.none() | VERSIONS)
def test_moving_a_label(before: dict[str, str], label: str, move_to: str | None, remove_from: str | None) -> None:
    holder = before.get(label)
    try:
        after = rules.move_label(before, label, move_to, remove_from)
    except api.InvalidParameterException:
        assert (
            (move_to is None and remove_from is None)
            or remove_from not in (None, holder)
            or (move_to is None and label == CURRENT)
            or (remove_from is None and holder is not None and move_to != holder)
        )
        return
    except api.LimitExceededException:
        assert len(before) >= rules.MAXIMUM_LABELS - 1
        return
    assert after.get(label) == move_to
    if label == CURRENT and holder not in (None, move_to):
        assert after[PREVIOUS] == holder
    unaffected = set(before) - {label} - ({PREVIOUS} if label == CURRENT else set[str]())
    assert {other: after[other] for other in unaffected} == {other: before[other] for other in unaffected}


class LabelMachine(RuleBasedStateMachine):
    """Any sequence of new versions and moves of labels."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[str, str] = {}
        self.versions: list[str] = []
        self.had_current = False

    @rule(wanted=st.none() | st.lists(LABELS, min_size=1, max_size=4))
    def new_version(self, wanted: list[str] | None) -> None:
        version = f"v{len(self.versions)}"
        labels = rules.labels_of_new_version(wanted, first=not self.versions)
        self._change(lambda: rules.attach(self.labels, version, labels), version)

    @rule(label=LABELS, data=st.data())
    def move(self, label: str, data: st.DataObject) -> None:
        assume(self.versions)
        choice = st.none() | st.sampled_from(self.versions)
        move_to, remove_from = data.draw(choice), data.draw(choice | st.just(self.labels.get(label)))
        self._change(lambda: rules.move_label(self.labels, label, move_to, remove_from))

    def _change(self, change: Callable[[], dict[str, str]], version: str | None = None) -> None:
        before = self.labels
        try:
            after = change()
        except (api.InvalidParameterException, api.LimitExceededException):
            return
        if version is not None:
            self.versions.append(version)
        if before.get(CURRENT) not in (None, after.get(CURRENT)):
            assert after[PREVIOUS] == before[CURRENT]
        moved, gone = rules.changed_labels(before, after)
        written = {label: v for label, v in {**before, **dict(moved)}.items() if label not in gone}
        assert written == after
        self.labels = after

    @invariant()
    def current_never_vanishes(self) -> None:
        assert not self.versions or self.labels[CURRENT] in self.versions

    @invariant()
    def labels_are_few_and_on_known_versions(self) -> None:
        assert len(self.labels) <= rules.MAXIMUM_LABELS
        assert set(self.labels.values()) <= set(self.versions)


TestLabels = LabelMachine.TestCase


@given(
    st.dictionaries(st.integers(0, 200).map(str), st.integers(0, 3 * DAY), min_size=95, max_size=100),
    st.lists(st.integers(0, 200).map(str), max_size=20),
    st.integers(2 * DAY, 4 * DAY),
)
def test_what_is_removed_for_a_new_version(created: dict[str, int], labelled: list[str], now: int) -> None:
    labels = {f"label{n}": version for n, version in enumerate(labelled)}
    removable = {v for v, moment in created.items() if v not in labelled and now - moment >= DAY}
    needed = max(0, len(created) + 1 - rules.MAXIMUM_VERSIONS)
    try:
        removed = rules.versions_to_remove(len(created), labels, created, now)
    except api.LimitExceededException:
        assert len(removable) < needed
        return
    assert len(removed) == needed
    assert set(removed) <= removable
    kept = [created[v] for v in removable - set(removed)]
    assert all(created[v] <= moment for v in removed for moment in kept)


@given(st.none() | st.integers(-5, 40), st.booleans(), st.integers(0, 10**13))
def test_when_a_secret_ends(window: int | None, force: bool, now: int) -> None:
    if window is not None and (force or not 7 <= window <= 30):
        with pytest.raises(api.InvalidParameterException) as caught:
            rules.deletion_date(window, force, now)
        assert caught.value.message == (rules.WINDOW_AND_FORCE if force else rules.BAD_WINDOW)
        return
    expected = now if force else now + (30 if window is None else window) * DAY
    assert rules.deletion_date(window, force, now) == expected


@pytest.mark.parametrize(("now", "day"), [(0, 0), (DAY - 1, 0), (DAY, DAY), (5 * DAY + 7, 5 * DAY)])
def test_days_begin_at_midnight(now: int, day: int) -> None:
    assert rules.start_of_day(now) == day
