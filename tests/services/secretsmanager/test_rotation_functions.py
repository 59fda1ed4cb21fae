"""Rotation by users' functions: the event, the policy, errors, logs, and what others do meanwhile.

The functions here are Python callables behind the door that Lambda stands behind in the server; they issue the calls of
AWS's templates, as the caller that the test names.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.api import holdfast as own
from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.functions import Invoked, NotInvoked
from holdfast.services.secretsmanager.service import SERVICE

from .conftest import ACCOUNT, REGION, House

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:mine"
TOKEN = "n" * 32
FIRST = "c" * 32


class Functions:
    """`services.functions.Functions` over callables."""

    def __init__(self) -> None:
        self.function: Callable[[dict[str, Any]], Any] = lambda event: None
        self.admitted = True
        self.events: list[dict[str, Any]] = []
        self.fences: list[str] = []
        self.log = ""

    def exists(self, call: Call, function_arn: str) -> bool:
        return function_arn == ARN

    def admits(self, call: Call, function_arn: str, service: str, source_arn: str, source_account: str) -> bool:
        assert (service, source_account) == ("secretsmanager.amazonaws.com", ACCOUNT)
        return self.admitted

    async def invoke(
        self, function_arn: str, payload: bytes, *, service: str, source_arn: str, fence: str = ""
    ) -> Invoked:
        event = json.loads(payload)
        self.events.append(event)
        self.fences.append(fence)
        try:
            answer = json.dumps(self.function(event)).encode()
        except NotInvoked:
            raise
        except Exception as error:  # noqa: BLE001 - as the runtime does
            document = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            return Invoked(json.dumps(document).encode(), "Unhandled", self.log, "request")
        return Invoked(answer, "", self.log, "request")


class Template:
    """The call sequence of AWS's rotation template."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.fails_at = ""
        self.text = "refused"

    def __call__(self, event: dict[str, Any]) -> None:
        house, arn, token, step = self.house, event["SecretId"], event["ClientRequestToken"], event["Step"]
        described = house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId=arn))
        assert described.RotationEnabled
        stages = (described.VersionIdsToStages or {})[token]
        if "AWSCURRENT" in stages:
            return
        assert "AWSPENDING" in stages
        if step == "createSecret":
            get = api.GetSecretValueRequest(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
            try:
                house.call(api.GetSecretValue, get)
            except api.ResourceNotFoundException:
                put = api.PutSecretValueRequest(
                    SecretId=arn, ClientRequestToken=token, SecretString="new-value", VersionStages=["AWSPENDING"]
                )
                house.call(api.PutSecretValue, put)
        if step == self.fails_at:
            raise ValueError(self.text)
        if step == "finishSecret":
            current = next(v for v, labels in (described.VersionIdsToStages or {}).items() if "AWSCURRENT" in labels)
            house.call(
                api.UpdateSecretVersionStage,
                api.UpdateSecretVersionStageRequest(
                    SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
                ),
            )


@pytest.fixture
def functions(house: House) -> Functions:
    made = Functions()
    made.function = Template(house)
    house.functions = made
    house.call(
        api.CreateSecret, api.CreateSecretRequest(Name="s", ClientRequestToken=FIRST, SecretString="hunter2-value")
    )
    return made


def rotate(house: House, **members: Any) -> api.RotateSecretResponse:
    members = {"ClientRequestToken": TOKEN, "RotationLambdaARN": ARN, **members}
    return house.call(api.RotateSecret, api.RotateSecretRequest(SecretId="s", **members))


def stages(house: House) -> dict[str, list[str]]:
    return house.call(api.DescribeSecret, api.DescribeSecretRequest(SecretId="s")).VersionIdsToStages or {}


def timeline(house: House) -> list[own.RotationAttempt]:
    with house.transaction(writable=True) as tx:
        call = house._new_call(tx, house.principal)  # pyright: ignore[reportPrivateUsage]
        return SERVICE.own["ShowRotation"](call, own.ShowRotationRequest(SecretId="s")).Attempts


def test_the_four_steps_and_their_event(house: House, functions: Functions) -> None:
    answer = rotate(house)
    house.advance(0)
    assert [event["Step"] for event in functions.events] == ["createSecret", "setSecret", "testSecret", "finishSecret"]
    for event in functions.events:
        assert set(event) == {"Step", "SecretId", "ClientRequestToken", "RotationToken"}
        assert (event["SecretId"], event["ClientRequestToken"]) == (answer.ARN, TOKEN)
    assert len({event["RotationToken"] for event in functions.events}) == 1
    assert len(functions.events[0]["RotationToken"]) == 36
    assert len(set(functions.fences)) == 1
    assert stages(house) == {TOKEN: ["AWSCURRENT"], FIRST: ["AWSPREVIOUS"]}


def test_a_function_that_does_not_admit_the_service(house: House, functions: Functions) -> None:
    functions.admitted = False
    error = house.error(
        api.RotateSecret, api.RotateSecretRequest(SecretId="s", ClientRequestToken=TOKEN, RotationLambdaARN=ARN)
    )
    assert (error.code, error.message) == (
        "AccessDeniedException",
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to "
        "the principal secretsmanager.amazonaws.com.",
    )
    assert stages(house) == {FIRST: ["AWSCURRENT"]}


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret", "finishSecret"])
def test_an_error_at_any_step_is_tried_again_from_the_first(house: House, functions: Functions, step: str) -> None:
    template = Template(house)
    functions.function = template
    template.fails_at, template.text = step, "cannot log in with new-value or hunter2-value"
    functions.log = "trying new-value\n"
    rotate(house)
    house.advance(0)
    assert stages(house)[TOKEN] == ["AWSPENDING"]
    failed = timeline(house)[-1]
    assert failed.Outcome == "failed"
    assert failed.Steps is not None
    assert (failed.Steps[-1].Step, failed.Steps[-1].Error) == (step, "ValueError: cannot log in with *** or ***")
    assert failed.Steps[-1].Log == "trying ***\n"
    template.fails_at = ""
    house.advance(60_000)
    assert stages(house) == {TOKEN: ["AWSCURRENT"], FIRST: ["AWSPREVIOUS"]}
    tokens = {event["RotationToken"] for event in functions.events}
    assert len(tokens) == 2, "each attempt has its own"
    assert len(set(functions.fences)) == 2


def test_a_function_that_finishes_nothing(house: House, functions: Functions) -> None:
    functions.function = lambda event: None
    rotate(house)
    house.advance(0)
    failed = timeline(house)[-1]
    assert failed.Steps is not None
    assert failed.Steps[-1].Step == "finishSecret"
    assert "AWSCURRENT is not on the version" in (failed.Steps[-1].Error or "")


def test_a_function_that_is_gone(house: House, functions: Functions) -> None:
    def gone(event: dict[str, Any]) -> None:
        raise NotInvoked("The function does not exist any more.")

    functions.function = gone
    rotate(house)
    house.advance(0)
    failed = timeline(house)[-1]
    assert failed.Steps is not None
    assert failed.Steps[-1].Error == "The function does not exist any more."


def test_the_rotation_token_speaks_for_one_attempt(house: House, functions: Functions) -> None:
    def refusing(event: dict[str, Any]) -> None:
        put: dict[str, Any] = {
            "SecretId": event["SecretId"],
            "ClientRequestToken": TOKEN,
            "VersionStages": ["AWSPENDING"],
        }
        wrong = api.PutSecretValueRequest(**put, SecretString="x", RotationToken="f" * 36)
        assert house.error(api.PutSecretValue, wrong).code == "InvalidParameterException"
        right = api.PutSecretValueRequest(**put, SecretString="x", RotationToken=event["RotationToken"])
        house.call(api.PutSecretValue, right)
        raise ValueError("enough")

    functions.function = refusing
    rotate(house)
    house.advance(0)
    assert stages(house)[TOKEN] == ["AWSPENDING"]
    late = api.PutSecretValueRequest(
        SecretId="s", ClientRequestToken=TOKEN, SecretString="x", RotationToken=functions.events[0]["RotationToken"]
    )
    functions.function = lambda event: None
    house.advance(15_000)
    assert house.error(api.PutSecretValue, late).code == "InvalidParameterException"


def test_a_finished_rotation_that_is_not_recorded_is_recorded_first(house: House, functions: Functions) -> None:
    rotate(house)
    finish = Template(house)

    def between() -> None:
        if functions.events[-1]["Step"] == "finishSecret" and functions.events[-1]["ClientRequestToken"] == TOKEN:
            house.between = lambda: None
            rotate(house, ClientRequestToken="m" * 32)

    functions.function = finish
    house.between = between
    house.advance(0)
    assert [attempt.Outcome for attempt in timeline(house)] == ["succeeded", "succeeded"]
    assert stages(house) == {"m" * 32: ["AWSCURRENT"], TOKEN: ["AWSPREVIOUS"]}


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret"])
def test_a_foreign_value_between_steps(house: House, functions: Functions, step: str) -> None:
    def between() -> None:
        if functions.events[-1]["Step"] == step:
            house.between = lambda: None
            put = api.PutSecretValueRequest(SecretId="s", ClientRequestToken="f" * 32, SecretString="foreign")
            house.call(api.PutSecretValue, put)

    house.between = between
    rotate(house)
    house.advance(0)
    assert stages(house) == {"f" * 32: ["AWSCURRENT"], FIRST: ["AWSPREVIOUS"]}
    assert [attempt.Outcome for attempt in timeline(house)] == ["abandoned"]
    assert functions.events[-1]["Step"] == step, "nothing is invoked after it"


def test_the_password_of_a_scheduled_rotation_is_made_by_schedule(house: House, functions: Functions) -> None:
    rotate(house, RotationRules=api.RotationRulesType(ScheduleExpression="rate(4 hours)"))
    house.advance(0)
    functions.events.clear()
    house.advance(86_400_000)
    assert len({event["ClientRequestToken"] for event in functions.events}) == 6
