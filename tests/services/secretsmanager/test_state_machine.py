"""Secrets, versions, labels and the clock, in any order, against a model that fits on a page.

The model keeps plaintexts and says what the documentation says; the house keeps a store. After any sequence of calls both
must agree on every value, label and date, and the two places that hold labels must agree with each other.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdfast.api import secretsmanager as api
from holdfast.api.base import Operation, ServiceError, Shape
from holdfast.services.secretsmanager.rules import decode_stages

from .conftest import House

DAY = 86_400_000
CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
NAMES = st.sampled_from(["a", "b"])
TOKENS = st.sampled_from([f"{letter}" * 32 for letter in "tuvwxyz"])
VALUES = st.sampled_from(["one", "two"])
LABELS = st.lists(st.sampled_from([CURRENT, PREVIOUS, "AWSPENDING", "mine"]), min_size=1, max_size=3)


@dataclass
class ModelSecret:
    """What a secret is to somebody who reads the documentation."""

    arn: str
    description: str | None = None
    values: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    ends: int = 0
    """When its recovery window is over; 0 while it is active."""
    deleted: int = 0
    """When DeleteSecret was called, if `ends` is set."""

    def add(self, version: str, value: str, wanted: list[str]) -> None:
        if not self.values:
            wanted = [*wanted, CURRENT]
        self.values[version] = value
        for label in wanted:
            if label != CURRENT:
                self.labels[label] = version
        if CURRENT in wanted:
            self.make_current(version)

    def make_current(self, version: str) -> None:
        if CURRENT in self.labels and self.labels[CURRENT] != version:
            self.labels[PREVIOUS] = self.labels[CURRENT]
        self.labels[CURRENT] = version

    def stages(self) -> dict[str, list[str]]:
        versions = set(self.labels.values())
        return {each: sorted(label for label, v in self.labels.items() if v == each) for each in versions}


class SecretMachine(RuleBasedStateMachine):
    """The rules are calls; each checks its own answer."""

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-secrets-"))
        self.house = House(self.directory / "store.db")
        self.model: dict[str, ModelSecret] = {}

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def ask(self, operation: Operation[Any, Any], value: Shape) -> Any:
        """The answer, or the code of the error."""
        self.house.now += 1
        try:
            return self.house.call(operation, value)
        except ServiceError as error:
            return error.code

    def active(self, name: str, answer: Any) -> ModelSecret | None:
        """The model of a secret that may be changed; checks the error for one that may not."""
        secret = self.model.get(name)
        if secret is None:
            assert answer == "ResourceNotFoundException"
        elif secret.ends:
            assert answer == "InvalidRequestException"
        else:
            return secret
        return None

    @rule(name=NAMES, token=TOKENS, value=st.none() | VALUES)
    def create(self, name: str, token: str, value: str | None) -> None:
        answer = self.ask(
            api.CreateSecret, api.CreateSecretRequest(Name=name, ClientRequestToken=token, SecretString=value)
        )
        secret = self.model.get(name)
        if secret is None:
            self.model[name] = secret = ModelSecret(answer.ARN)
            assert answer.VersionId == (token if value else None)
            if value:
                secret.add(token, value, [])
        elif secret.ends:
            assert answer == "InvalidRequestException"
        elif value and secret.values.get(token) == value:
            assert (answer.ARN, answer.VersionId) == (secret.arn, token)
        elif not isinstance(answer, str):
            # Without a value only the call that made it can be repeated; it made no version.
            assert value is None
            assert token not in secret.values
            assert (answer.ARN, answer.VersionId) == (secret.arn, None)
        else:
            assert answer == "ResourceExistsException"

    @rule(name=NAMES, token=TOKENS, value=VALUES, wanted=st.none() | LABELS)
    def put(self, name: str, token: str, value: str, wanted: list[str] | None) -> None:
        answer = self.ask(
            api.PutSecretValue,
            api.PutSecretValueRequest(
                SecretId=name, ClientRequestToken=token, SecretString=value, VersionStages=wanted
            ),
        )
        secret = self.active(name, answer)
        if secret is None:
            return
        if secret.values.get(token, value) != value:
            assert answer == "ResourceExistsException"
            return
        if token not in secret.values:
            secret.add(token, value, wanted or [CURRENT])
        assert answer.VersionId == token
        assert answer.VersionStages == secret.stages().get(token)

    @rule(name=NAMES, token=TOKENS, value=st.none() | VALUES, description=st.none() | st.sampled_from(["", "d"]))
    def update(self, name: str, token: str, value: str | None, description: str | None) -> None:
        answer = self.ask(
            api.UpdateSecret,
            api.UpdateSecretRequest(
                SecretId=name, ClientRequestToken=token, SecretString=value, Description=description
            ),
        )
        secret = self.active(name, answer)
        if secret is None:
            return
        if value and token in secret.values:
            assert answer == "ResourceExistsException"
            return
        assert answer.VersionId == (token if value else None)
        if value:
            secret.add(token, value, [CURRENT])
        if description is not None:
            secret.description = description or None

    @rule(name=NAMES, label=LABELS.map(lambda labels: labels[0]), move=st.none() | TOKENS, remove=st.none() | TOKENS,
          hit=st.booleans())  # fmt: skip
    def move_label(self, name: str, label: str, move: str | None, remove: str | None, hit: bool) -> None:
        known = self.model.get(name)
        if hit and known is not None:
            remove = known.labels.get(label)
        answer = self.ask(
            api.UpdateSecretVersionStage,
            api.UpdateSecretVersionStageRequest(
                SecretId=name, VersionStage=label, MoveToVersionId=move, RemoveFromVersionId=remove
            ),
        )
        secret = self.active(name, answer)
        if secret is None:
            return
        holder = secret.labels.get(label)
        if any(version is not None and version not in secret.values for version in (move, remove)):
            assert answer == "ResourceNotFoundException"
        elif (
            (move is None and remove is None)
            or remove not in (None, holder)
            or (move is None and label == CURRENT)
            or (remove is None and holder is not None and move != holder)
        ):
            assert answer == "InvalidParameterException"
        else:
            assert secret.arn == answer.ARN
            if move is None:
                del secret.labels[label]
            elif label == CURRENT:
                secret.make_current(move)
            else:
                secret.labels[label] = move

    @rule(name=NAMES, window=st.none() | st.sampled_from([7, 30]), force=st.booleans())
    def delete(self, name: str, window: int | None, force: bool) -> None:
        window = None if force else window
        answer = self.ask(
            api.DeleteSecret,
            api.DeleteSecretRequest(SecretId=name, RecoveryWindowInDays=window, ForceDeleteWithoutRecovery=force),
        )
        secret = self.model.get(name)
        if force:
            assert answer.Name == name
            self.model.pop(name, None)
        elif secret is None:
            assert answer == "ResourceNotFoundException"
        elif secret.ends:
            assert answer == "InvalidRequestException"
        else:
            secret.deleted = self.house.now
            secret.ends = self.house.now + (window or 30) * DAY
            assert answer.DeletionDate == secret.ends / 1000

    @rule(name=NAMES)
    def restore(self, name: str) -> None:
        answer = self.ask(api.RestoreSecret, api.RestoreSecretRequest(SecretId=name))
        if name not in self.model:
            assert answer == "ResourceNotFoundException"
            return
        assert self.model[name].arn == answer.ARN
        self.model[name].ends = 0

    @rule(days=st.sampled_from([1, 6, 8, 31]))
    def wait(self, days: int) -> None:
        self.house.write_notes()
        self.house.advance(days * DAY)
        self.model = {n: s for n, s in self.model.items() if not s.ends or s.ends > self.house.now}

    @invariant()
    def what_is_described_is_the_model(self) -> None:
        listed = self.ask(api.ListSecrets, api.ListSecretsRequest(IncludePlannedDeletion=True)).SecretList
        assert {entry.Name for entry in listed} == set(self.model)
        for name, secret in self.model.items():
            described = self.ask(api.DescribeSecret, api.DescribeSecretRequest(SecretId=secret.arn))
            assert (described.ARN, described.Name, described.Description) == (secret.arn, name, secret.description)
            assert (described.VersionIdsToStages or {}) == secret.stages()
            assert described.DeletedDate == (secret.deleted / 1000 if secret.ends else None)
            versions = self.ask(
                api.ListSecretVersionIds, api.ListSecretVersionIdsRequest(SecretId=name, IncludeDeprecated=True)
            ).Versions
            assert {version.VersionId for version in versions} == set(secret.values)

    @invariant()
    def values_are_the_models(self) -> None:
        for name, secret in self.model.items():
            for version, value in secret.values.items():
                answer = self.ask(api.GetSecretValue, api.GetSecretValueRequest(SecretId=name, VersionId=version))
                if secret.ends:
                    assert answer == "InvalidRequestException"
                else:
                    assert (answer.SecretString, answer.VersionStages) == (value, secret.stages().get(version))
            answer = self.ask(api.GetSecretValue, api.GetSecretValueRequest(SecretId=name))
            if not secret.ends:
                current = secret.labels.get(CURRENT)
                assert answer == "ResourceNotFoundException" if current is None else answer.VersionId == current

    @invariant()
    def both_places_of_labels_agree(self) -> None:
        for name, stages, count in self.house.rows("SELECT name, stages, version_count FROM secret"):
            rows = self.house.rows("SELECT label, version_id FROM secret_label WHERE name = ?", name)
            assert dict(rows) == {label: v for v, labels in decode_stages(stages).items() for label in labels}
            assert [(count,)] == self.house.rows("SELECT COUNT(*) FROM secret_version WHERE name = ?", name)
        assert {name for (name,) in self.house.rows("SELECT name FROM secret_version")} <= set(self.model)


TestSecrets = SecretMachine.TestCase
TestSecrets.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
