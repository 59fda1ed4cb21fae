"""Labels while a secret is rotated and everybody interferes: whatever the order, the invariants hold.

INVARIANT: AWSCURRENT is on one version that has a value; a label is on one version; what is under way is pending or
current; a rotation that is not under way left nothing that only it knew of.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.api import holdfast as own
from holdfast.api import secretsmanager as api
from holdfast.api.base import Operation, ServiceError, Shape
from holdfast.services.secretsmanager.service import SERVICE

from .conftest import House
from .test_rotation_functions import ARN, Functions, Template

HOUR = 3_600_000


class RotationMachine(RuleBasedStateMachine):
    """Calls, steps and failures in any order."""

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-rotation-"))
        self.house = House(self.directory / "store.db")
        self.functions = Functions()
        self.template = Template(self.house)
        self.functions.function = self.template
        self.house.functions = self.functions
        self.count = 0
        self.meanwhile: tuple[str, str] | None = None
        self.house.between = self.between
        self.ask(api.CreateSecret, api.CreateSecretRequest(Name="s", ClientRequestToken="c" * 32, SecretString="one"))

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def token(self) -> str:
        self.count += 1
        return f"{self.count:032d}"

    def ask(self, operation: Operation[Any, Any], value: Shape) -> Any:
        try:
            return self.house.call(operation, value)
        except ServiceError as error:
            return error.code

    def own(self, name: str, value: Any) -> Any:
        try:
            with self.house.transaction(writable=True) as tx:
                return SERVICE.own[name](self.house._new_call(tx, self.house.principal), value)  # pyright: ignore[reportPrivateUsage]
        except ServiceError as error:
            return error.code

    def between(self) -> None:
        """Somebody else, between an effect and its second half."""
        if self.meanwhile and self.functions.events[-1]["Step"] == self.meanwhile[0]:
            what, self.meanwhile = self.meanwhile[1], None
            getattr(self, what)()

    # -- what people do ---------------------------------------------------------------------------------------------

    @rule(days=st.sampled_from([None, 1]), now=st.booleans())
    def rotate(self, days: int | None = None, now: bool = True) -> None:
        rules = api.RotationRulesType(AutomaticallyAfterDays=days) if days else None
        request = api.RotateSecretRequest(
            SecretId="s",
            ClientRequestToken=self.token(),
            RotationLambdaARN=ARN,
            RotationRules=rules,
            RotateImmediately=now,
        )
        self.ask(api.RotateSecret, request)

    @rule()
    def put(self) -> None:
        self.ask(
            api.PutSecretValue,
            api.PutSecretValueRequest(SecretId="s", ClientRequestToken=self.token(), SecretString="foreign"),
        )

    @rule()
    def put_pending(self) -> None:
        request = api.PutSecretValueRequest(
            SecretId="s", ClientRequestToken=self.token(), SecretString="foreign", VersionStages=["AWSPENDING"]
        )
        self.ask(api.PutSecretValue, request)

    @rule()
    def cancel(self) -> None:
        self.ask(api.CancelRotateSecret, api.CancelRotateSecretRequest(SecretId="s"))

    @rule()
    def unblock(self) -> None:
        pending = self.labels().get("AWSPENDING")
        if pending:
            request = api.UpdateSecretVersionStageRequest(
                SecretId="s", VersionStage="AWSPENDING", RemoveFromVersionId=pending
            )
            self.ask(api.UpdateSecretVersionStage, request)

    @rule()
    def delete_and_restore(self) -> None:
        self.ask(api.DeleteSecret, api.DeleteSecretRequest(SecretId="s"))
        self.house.advance(HOUR)
        self.ask(api.RestoreSecret, api.RestoreSecretRequest(SecretId="s"))

    @rule()
    def abandon(self) -> None:
        self.own("AbandonRotation", own.AbandonRotationRequest(SecretId="s"))

    @rule()
    def roll_back(self) -> None:
        self.own("RollBackRotation", own.RollBackRotationRequest(SecretId="s"))

    @rule()
    def retry(self) -> None:
        self.own("RetryRotation", own.RetryRotationRequest(SecretId="s"))

    # -- what happens -----------------------------------------------------------------------------------------------

    @rule(step=st.sampled_from(["", "createSecret", "setSecret", "testSecret", "finishSecret"]))
    def fail_at(self, step: str) -> None:
        self.template.fails_at = step

    @rule(
        step=st.sampled_from(["createSecret", "setSecret", "testSecret", "finishSecret"]),
        what=st.sampled_from(["put", "cancel", "unblock", "abandon", "roll_back", "rotate", "put_pending"]),
    )
    def interfere(self, step: str, what: str) -> None:
        self.meanwhile = (step, what)

    @rule(milliseconds=st.sampled_from([0, 30_000, HOUR, 30 * HOUR]))
    def wait(self, milliseconds: int) -> None:
        self.house.advance(milliseconds)

    @precondition(lambda self: self.count > 0)
    @rule()
    def settle(self) -> None:
        """When nothing fails any more, what is under way is finished."""
        self.template.fails_at, self.meanwhile = "", None
        self.house.advance(50 * HOUR)
        assert not self.house.rows("SELECT token FROM secret_rotation")
        assert not self.house.rows("SELECT attempt FROM secret_rotation_attempt WHERE outcome = 'running'")

    # -- what always holds ------------------------------------------------------------------------------------------

    def labels(self) -> dict[str, str]:
        return dict(self.house.rows("SELECT label, version_id FROM secret_label WHERE name = 's'"))

    @invariant()
    def labels_are_legal(self) -> None:
        labels = self.labels()
        valued = {v for (v,) in self.house.rows("SELECT version_id FROM secret_version WHERE kind IS NOT NULL")}
        assert labels["AWSCURRENT"] in valued
        assert labels.get("AWSPREVIOUS") != labels["AWSCURRENT"]
        for (token,) in self.house.rows("SELECT token FROM secret_rotation"):
            assert token in (labels.get("AWSPENDING"), labels["AWSCURRENT"])
        count = self.house.rows("SELECT COUNT(*) FROM secret_version")[0][0]
        assert self.house.rows("SELECT version_count FROM secret") == [(count,)]

    @invariant()
    def at_most_one_attempt_runs(self) -> None:
        running = self.house.rows("SELECT attempt FROM secret_rotation_attempt WHERE outcome = 'running'")
        newest = self.house.rows("SELECT attempt FROM secret_rotation")
        assert set(running) <= set(newest)


TestRotationMachine = RotationMachine.TestCase
TestRotationMachine.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
