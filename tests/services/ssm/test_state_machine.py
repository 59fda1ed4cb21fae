"""Writes, labels, tags and deletions in any order, against a model that fits on a page.

The model is a dictionary; the house keeps a store. After any sequence of calls every way to read must agree with it.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.api import ssm as api
from holdfast.api.base import Operation, ServiceError

from .house import House

NAMES = ["x", "/x", "y", "/a/x", "/a/b/x", "/a"]
LABELS = ["prod", "test", "1bad"]
VALUES = st.text(alphabet="ab", min_size=1, max_size=3)


@dataclass
class ModelParameter:
    """What a parameter is to somebody who reads the documentation."""

    name: str
    type: str
    versions: dict[int, str] = field(default_factory=dict[int, str])
    labels: dict[str, int] = field(default_factory=dict[str, int])
    tags: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def newest(self) -> int:
        return max(self.versions)


def path_of(name: str) -> str:
    return name if name.startswith("/") else f"/{name}"


class ParameterMachine(RuleBasedStateMachine):
    """The rules are calls; each checks its own answer."""

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-ssm-"))
        self.house = House(self.directory / "store.db")
        self.model: dict[str, ModelParameter] = {}

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def call(self, operation: Operation[Any, Any], **members: Any) -> Any:
        """The answer, or the error's code."""
        try:
            return self.house.call(operation, operation.input(**members))
        except ServiceError as error:
            return error.code

    @rule(name=st.sampled_from(NAMES), value=VALUES, kind=st.sampled_from(["String", "SecureString"]))
    def create(self, name: str, value: str, kind: str) -> None:
        answer = self.call(api.PutParameter, Name=name, Value=value, Type=kind)
        if path_of(name) in self.model:
            assert answer == "ParameterAlreadyExists"
        else:
            assert answer.Version == 1
            self.model[path_of(name)] = ModelParameter(name, kind, {1: value})

    @rule(name=st.sampled_from(NAMES), value=VALUES)
    def overwrite(self, name: str, value: str) -> None:
        answer = self.call(api.PutParameter, Name=name, Value=value, Overwrite=True)
        known = self.model.get(path_of(name))
        if known is None:
            assert answer == "ValidationException"
            return
        assert answer.Version == known.newest + 1
        known.versions[answer.Version] = value

    @rule(name=st.sampled_from(NAMES), version=st.one_of(st.none(), st.integers(1, 3)), label=st.sampled_from(LABELS))
    def label(self, name: str, version: int | None, label: str) -> None:
        answer = self.call(api.LabelParameterVersion, Name=name, ParameterVersion=version, Labels=[label])
        known = self.model.get(path_of(name))
        if known is None:
            assert answer == "ParameterNotFound"
            return
        on = version or known.newest
        if on not in known.versions:
            assert answer == "ParameterVersionNotFound"
            return
        assert (answer.ParameterVersion, answer.InvalidLabels) == (on, ["1bad"] if label == "1bad" else [])
        if label != "1bad":
            known.labels[label] = on

    @rule(name=st.sampled_from(NAMES), version=st.integers(1, 3), label=st.sampled_from(LABELS))
    def unlabel(self, name: str, version: int, label: str) -> None:
        answer = self.call(api.UnlabelParameterVersion, Name=name, ParameterVersion=version, Labels=[label])
        known = self.model.get(path_of(name))
        if known is None:
            assert answer == "ParameterNotFound"
        elif version not in known.versions:
            assert answer == "ParameterVersionNotFound"
        elif known.labels.get(label) == version:
            assert (answer.RemovedLabels, answer.InvalidLabels) == ([label], [])
            del known.labels[label]
        else:
            assert (answer.RemovedLabels, answer.InvalidLabels) == ([], [label])

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from("kl"), value=st.sampled_from("vw"))
    def tag(self, name: str, key: str, value: str) -> None:
        tags = [api.Tag(Key=key, Value=value)]
        answer = self.call(api.AddTagsToResource, ResourceType="Parameter", ResourceId=name, Tags=tags)
        if known := self.model.get(path_of(name)):
            known.tags[key] = value
        else:
            assert answer == "InvalidResourceId"

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from("kl"))
    def untag(self, name: str, key: str) -> None:
        self.call(api.RemoveTagsFromResource, ResourceType="Parameter", ResourceId=name, TagKeys=[key])
        if known := self.model.get(path_of(name)):
            known.tags.pop(key, None)

    @precondition(lambda self: len(self.model) > 2)
    @rule(names=st.lists(st.sampled_from(NAMES), unique_by=path_of, min_size=1, max_size=3))
    def delete(self, names: list[str]) -> None:
        answer = self.call(api.DeleteParameters, Names=names)
        assert answer.DeletedParameters == [name for name in names if path_of(name) in self.model]
        assert answer.InvalidParameters == [name for name in names if path_of(name) not in self.model]
        for name in names:
            self.model.pop(path_of(name), None)

    @invariant()
    def every_version_and_label_is_read_by_name(self) -> None:
        for path, known in self.model.items():
            history = self.call(api.GetParameterHistory, Name=path, WithDecryption=True).Parameters
            assert {v.Version: v.Value for v in history} == known.versions
            assert {label: v.Version for v in history for label in v.Labels} == known.labels
            for selector, version in {"": known.newest, "1": 1, **known.labels}.items():
                name = f"{path}:{selector}" if selector else path
                found = self.call(api.GetParameter, Name=name, WithDecryption=True).Parameter
                assert (found.Name, found.Type, found.Version) == (known.name, known.type, version)
                assert found.Value == known.versions[version]

    @invariant()
    def listings_hold_what_there_is(self) -> None:
        described = self.call(api.DescribeParameters).Parameters
        assert [p.Name for p in described] == [self.model[path].name for path in sorted(self.model)]
        assert {p.Name: p.Version for p in described} == {p.name: p.newest for p in self.model.values()}
        for node in ("/", "/a", "/a/b"):
            prefix = node if node == "/" else f"{node}/"
            below = [path for path in sorted(self.model) if path.startswith(prefix)]
            deep = self.call(api.GetParametersByPath, Path=node, Recursive=True, WithDecryption=True).Parameters
            assert [(p.Name, p.Value) for p in deep] == [
                (self.model[path].name, self.model[path].versions[self.model[path].newest]) for path in below
            ]
            flat = self.call(api.GetParametersByPath, Path=node).Parameters
            assert [p.Name for p in flat] == [
                self.model[path].name for path in below if "/" not in path.removeprefix(prefix)
            ]

    @invariant()
    def filters_find_labels_and_tags(self) -> None:
        for label in ("prod", "test"):
            wanted = [api.ParameterStringFilter(Key="Label", Values=[label])]
            found = self.call(api.GetParametersByPath, Path="/", Recursive=True, ParameterFilters=wanted).Parameters
            assert {(p.Name, p.Version) for p in found} == {
                (p.name, p.labels[label]) for p in self.model.values() if label in p.labels
            }
        for value in ("v", "w"):
            wanted = [api.ParameterStringFilter(Key="tag:k", Values=[value])]
            found = self.call(api.DescribeParameters, ParameterFilters=wanted).Parameters
            assert {p.Name for p in found} == {p.name for p in self.model.values() if p.tags.get("k") == value}


ParameterMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
TestParameters = ParameterMachine.TestCase
