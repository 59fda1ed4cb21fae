"""One parameter over hundreds of versions: the hundred that are kept, the labels that hold one, and nothing lost on the way."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.api import ssm as api
from holdfast.api.base import Operation, ServiceError

from .house import House

NAME = "/many"
KEPT = 100
LABELS = [f"label{number}" for number in range(12)]


class VersionMachine(RuleBasedStateMachine):
    """The model: the number of the newest version, and where each label is. A version's value is its number."""

    @initialize(fill=st.sampled_from([0, 60, 98]))
    def open(self, fill: int) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-ssm-"))
        self.house = House(self.directory / "store.db")
        self.newest = 0
        self.labels: dict[str, int] = {}
        self.put(1 + fill)

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def call(self, operation: Operation[Any, Any], **members: Any) -> Any:
        """The answer, or the error's code."""
        try:
            return self.house.call(operation, operation.input(**members))
        except ServiceError as error:
            return error.code

    @property
    def oldest(self) -> int:
        return max(1, self.newest - KEPT + 1)

    def told(self) -> list[str]:
        return [event.detail["operation"] for event in self.house.emitted]

    @rule(times=st.integers(1, 45))
    def put(self, times: int) -> None:
        """Write versions; the oldest goes for the hundred and first, unless a label holds it."""
        for _ in range(times):
            number = self.newest + 1
            answer = self.call(api.PutParameter, Name=NAME, Value=str(number), Type="String", Overwrite=True)
            if number > KEPT and self.oldest in self.labels.values():
                assert answer == "ParameterMaxVersionLimitExceeded"
                assert self.told() == []
                return
            assert answer.Version == number
            assert self.told() == ["Update" if self.newest else "Create"]
            self.newest = number

    @rule(back=st.integers(0, 130), label=st.sampled_from(LABELS))
    def label(self, back: int, label: str) -> None:
        """Put a label on some version, the oldest ones often."""
        self._label(max(self.newest - back, 1), label)

    @rule(label=st.sampled_from(LABELS))
    def label_the_oldest(self, label: str) -> None:
        self._label(self.oldest, label)

    def _label(self, version: int, label: str) -> None:
        answer = self.call(api.LabelParameterVersion, Name=NAME, ParameterVersion=version, Labels=[label])
        moves = self.labels.get(label) != version
        if version < self.oldest:
            assert answer == "ParameterVersionNotFound"
        elif moves and list(self.labels.values()).count(version) == 10:
            assert answer == "ParameterVersionLabelLimitExceeded"
        else:
            assert (answer.ParameterVersion, answer.InvalidLabels) == (version, [])
            assert self.told() == (["LabelParameterVersion"] if moves else [])
            self.labels[label] = version
            return
        assert self.told() == []

    @rule(label=st.sampled_from(LABELS))
    def unlabel(self, label: str) -> None:
        """Take a label off where it is."""
        version = self.labels.pop(label, None)
        if version is not None:
            answer = self.call(api.UnlabelParameterVersion, Name=NAME, ParameterVersion=version, Labels=[label])
            assert (answer.RemovedLabels, answer.InvalidLabels) == ([label], [])
            assert self.told() == []

    @invariant()
    def history_is_the_model(self) -> None:
        found: list[Any] = []
        token: str | None = None
        while token is not None or not found:
            page = self.call(api.GetParameterHistory, Name=NAME, MaxResults=50, NextToken=token)
            found += page.Parameters
            token = page.NextToken
        kept = range(self.oldest, self.newest + 1)
        assert [(version.Version, version.Value) for version in found] == [(number, str(number)) for number in kept]
        assert {label: version.Version for version in found for label in version.Labels} == self.labels

    @invariant()
    def each_is_read_by_number_and_by_label(self) -> None:
        for number in (self.oldest, self.newest):
            assert self.call(api.GetParameter, Name=f"{NAME}:{number}").Parameter.Value == str(number)
        if self.oldest > 1:
            assert self.call(api.GetParameter, Name=f"{NAME}:{self.oldest - 1}") == "ParameterVersionNotFound"
        for label, number in self.labels.items():
            assert self.call(api.GetParameter, Name=f"{NAME}:{label}").Parameter.Value == str(number)


VersionMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestVersions = VersionMachine.TestCase
