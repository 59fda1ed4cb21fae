"""Writes, tiers, policies, labels, tags, deletions and time in any order, against a model that fits on a page.

The model is a dictionary; the house keeps a store. After any sequence of calls every way to read must agree with it, and
every change, refused ones never, has told of itself in exactly the event that AWS documents.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.api import ssm as api
from holdfast.api.base import Operation, ServiceError
from holdfast.services.ssm.jobs import APPLY_POLICIES
from holdfast.work.due import next_job

from .house import ARN, House

NAMES = ["x", "/x", "y", "/a/x", "/a/b/x", "/a"]
LABELS = ["prod", "test", "1bad"]
VALUES = st.text(alphabet="ab", min_size=1, max_size=3)
TIERS = st.sampled_from([None, "Standard", "Advanced", "Intelligent-Tiering"])
HOUR = 3_600_000
LIMITS = {"Standard": 3, "Advanced": 3}


def expiration(at: int) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at / 1000, UTC).isoformat()
    return {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": moment}}


def warning(hours: int) -> dict[str, Any]:
    attributes = {"Before": str(hours), "Unit": "Hours"}
    return {"Type": "ExpirationNotification", "Version": "1.0", "Attributes": attributes}


def idleness(hours: int) -> dict[str, Any]:
    return {"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": str(hours), "Unit": "Hours"}}


@dataclass
class ModelPolicies:
    """What a parameter's policies are waiting for: moments, or None for what is not asked for or has happened."""

    expires: int | None = None
    warns: int | None = None
    idles: int | None = None
    idle_hours: int = 0
    sent: list[str] = field(default_factory=list[str])
    """The types, in order."""

    def pending(self) -> list[str]:
        moments = {"Expiration": self.expires, "ExpirationNotification": self.warns, "NoChangeNotification": self.idles}
        return [kind for kind in self.sent if moments[kind] is not None]


@dataclass
class ModelParameter:
    """What a parameter is to somebody who reads the documentation."""

    name: str
    type: str
    versions: dict[int, str] = field(default_factory=dict[int, str])
    labels: dict[str, int] = field(default_factory=dict[str, int])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    tier: str = "Standard"
    policies: ModelPolicies = field(default_factory=ModelPolicies)

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
        self.house.limits.update(LIMITS)
        self.model: dict[str, ModelParameter] = {}
        self.acted: list[tuple[str, str]] = []
        """What policies must have done, in order."""
        self.warned: set[tuple[str, int]] = set()
        self.named: dict[str, ModelParameter] = {}
        """The newest parameter of each path, deleted ones too."""
        for name in ("/x", "/a/x"):
            self.put_new(name, "v", "String", "Advanced")
            self.put_watched(name, None, 4, 2, 1)

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def call(self, operation: Operation[Any, Any], **members: Any) -> Any:
        """The answer, or the error's code."""
        try:
            return self.house.call(operation, operation.input(**members))
        except ServiceError as error:
            return error.code

    def told(self, *operations: tuple[str, str]) -> None:
        """The newest call sent these `Parameter Store Change` events, (operation, path) of each, and nothing else."""
        expected = [
            (
                "aws.ssm",
                "Parameter Store Change",
                (f"{ARN}{path}",),
                {"operation": operation, "name": name, "type": kind},
            )
            for operation, path, name, kind in (
                (operation, path, self.named[path].name, self.named[path].type) for operation, path in operations
            )
        ]
        assert [(e.source, e.detail_type, e.resources, e.detail) for e in self.house.emitted] == expected

    def count(self, tier: str) -> int:
        return sum(known.tier == tier for known in self.model.values())

    def expected_tier(self, path: str, wish: str | None, *, policies: bool) -> str:
        """The tier that a put gets, or the code of its refusal."""
        known = self.model.get(path)
        if known and known.tier == "Advanced":
            return "ValidationException" if wish == "Standard" else "Advanced"
        tier = wish or "Standard"
        if tier == "Intelligent-Tiering":
            full = known is None and self.count("Standard") >= LIMITS["Standard"]
            tier = "Advanced" if policies or full else "Standard"
        if (known is None or known.tier != tier) and self.count(tier) >= LIMITS[tier]:
            return "ParameterLimitExceeded"
        return "ValidationException" if policies and tier == "Standard" else tier

    @rule(
        name=st.sampled_from(NAMES),
        value=VALUES,
        kind=st.sampled_from(["String", "SecureString"]),
        tier=TIERS,
    )
    def create(self, name: str, value: str, kind: str, tier: str | None) -> None:
        self.put_new(name, value, kind, tier)

    def put_new(self, name: str, value: str, kind: str, tier: str | None) -> None:
        answer = self.call(api.PutParameter, Name=name, Value=value, Type=kind, Tier=tier)
        if path_of(name) in self.model:
            assert answer == "ParameterAlreadyExists"
            self.told()
            return
        expected = self.expected_tier(path_of(name), tier, policies=False)
        if expected == "ParameterLimitExceeded":
            assert answer == expected
            self.told()
            return
        assert (answer.Version, answer.Tier) == (1, expected)
        self.model[path_of(name)] = self.named[path_of(name)] = ModelParameter(name, kind, {1: value}, tier=expected)
        self.told(("Create", path_of(name)))

    @rule(name=st.sampled_from(NAMES), value=VALUES, tier=TIERS)
    def overwrite(self, name: str, value: str, tier: str | None) -> None:
        answer = self.call(api.PutParameter, Name=name, Value=value, Overwrite=True, Tier=tier)
        known = self.model.get(path_of(name))
        if known is None:
            assert answer == "ValidationException"
            return
        expected = self.expected_tier(path_of(name), tier, policies=False)
        if expected not in LIMITS:
            assert answer == expected
            self.told()
            return
        assert (answer.Version, answer.Tier) == (known.newest + 1, expected)
        self.told(("Update", path_of(name)))
        known.versions[answer.Version] = value
        known.tier = expected
        if known.policies.idle_hours:
            known.policies.idles = self.house.now + known.policies.idle_hours * HOUR

    @rule(
        name=st.sampled_from(NAMES),
        tier=st.sampled_from([None, "Advanced", "Intelligent-Tiering", "Standard"]),
        expires=st.one_of(st.none(), st.integers(1, 9)),
        warns=st.one_of(st.none(), st.integers(1, 12)),
        idles=st.one_of(st.none(), st.integers(1, 9)),
    )
    def watch(self, name: str, tier: str | None, expires: int | None, warns: int | None, idles: int | None) -> None:
        """Overwrite with policies, or with none at all."""
        self.put_watched(name, tier, expires, warns, idles)

    def put_watched(
        self, name: str, tier: str | None, expires: int | None, warns: int | None, idles: int | None
    ) -> None:
        known, now = self.model.get(path_of(name)), self.house.now
        if known is None:
            return
        end = None if expires is None else now + expires * HOUR
        sent = [] if end is None else [expiration(end)]
        sent += [] if end is None or warns is None else [warning(warns)]
        sent += [] if idles is None else [idleness(idles)]
        document = json.dumps(sent or [{}])
        answer = self.call(api.PutParameter, Name=name, Value="w", Overwrite=True, Tier=tier, Policies=document)
        expected = self.expected_tier(path_of(name), tier, policies=bool(sent))
        if expected not in LIMITS:
            assert answer == expected
            self.told()
            return
        assert (answer.Version, answer.Tier) == (known.newest + 1, expected)
        self.told(("Update", path_of(name)))
        known.versions[answer.Version] = "w"
        known.tier = expected
        before = known.policies
        after = known.policies = ModelPolicies(sent=[policy["Type"] for policy in sent])
        after.expires = end
        if end is not None and warns is not None:
            moment = end - warns * HOUR
            happened = (path_of(name), moment) in self.warned and "ExpirationNotification" in before.sent
            after.warns = None if happened and before.warns is None else moment
        if idles is not None:
            after.idle_hours, after.idles = idles, now + idles * HOUR

    @rule(hours=st.integers(1, 6))
    def wait(self, hours: int) -> None:
        """Time passes, from due moment to due moment; the policies act."""
        target = self.house.now + hours * HOUR
        while True:
            with self.house.transaction(writable=False) as tx:
                job = next_job(tx)
            if job is None or job.due > target:
                break
            self.house.now = max(self.house.now, job.due)
            self.acted += self.model_acts(job.subject)
            assert job.kind == APPLY_POLICIES
            assert self.house.run(job) == self.acted
            expired = [("Delete", job.subject)] if job.subject not in self.model else []
            self.house.emitted = [e for e in self.house.emitted if e.detail_type == "Parameter Store Change"]
            self.told(*expired)
            self.acted.clear()
        self.house.now = target
        assert all(
            moment > target
            for known in self.model.values()
            for moment in (known.policies.expires, known.policies.warns, known.policies.idles)
            if moment is not None
        ), "nothing that was due waits"

    def model_acts(self, path: str) -> list[tuple[str, str]]:
        known = self.model[path]
        watched, now = known.policies, self.house.now
        due = [
            (moment, position, kind)
            for position, kind in enumerate(watched.sent)
            for moment in [{"Expiration": watched.expires, "ExpirationNotification": watched.warns,
                            "NoChangeNotification": watched.idles}[kind]]
            if moment is not None and moment <= now
        ]  # fmt: skip
        done: list[tuple[str, str]] = []
        for moment, _, kind in sorted(due, key=lambda entry: entry[0]):
            done.append((known.name, kind))
            if kind == "Expiration":
                del self.model[path]
                break
            if kind == "ExpirationNotification":
                watched.warns = None
                self.warned.add((path, moment))
            else:
                watched.idles = None
        return done

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
        moves = label != "1bad" and known.labels.get(label) != on
        self.told(*([("LabelParameterVersion", path_of(name))] if moves else []))
        if moves:
            known.labels[label] = on

    @rule(name=st.sampled_from(NAMES), version=st.integers(1, 3), label=st.sampled_from(LABELS))
    def unlabel(self, name: str, version: int, label: str) -> None:
        answer = self.call(api.UnlabelParameterVersion, Name=name, ParameterVersion=version, Labels=[label])
        self.told()
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
        self.told(*[("Delete", path_of(name)) for name in answer.DeletedParameters])
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
    def what_is_due_is_scheduled(self) -> None:
        rows = self.house.database.reading.execute(
            "SELECT subject, due FROM due_job WHERE kind = ?", (APPLY_POLICIES,)
        ).fetchall()
        moments = {
            path: [m for m in (p.policies.expires, p.policies.warns, p.policies.idles) if m is not None]
            for path, p in self.model.items()
        }
        assert {str(row[0]): row[1] for row in rows} == {path: min(due) for path, due in moments.items() if due}

    @invariant()
    def tiers_and_policies_are_told(self) -> None:
        for known in self.call(api.DescribeParameters).Parameters:
            model = self.model[path_of(known.Name)]
            assert known.Tier == model.tier
            assert [p.PolicyType for p in known.Policies] == model.policies.sent
            assert [p.PolicyType for p in known.Policies if p.PolicyStatus == "Pending"] == model.policies.pending()
        for tier in LIMITS:
            wanted = [api.ParameterStringFilter(Key="Tier", Values=[tier])]
            found = self.call(api.DescribeParameters, ParameterFilters=wanted).Parameters
            assert {p.Name for p in found} == {p.name for p in self.model.values() if p.tier == tier}

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
