"""Rotation through a real server: RotateSecret, what it leaves behind, and everything that can come between."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from holdfast.testing import Server
from tests.default_bus import Listener
from tests.rotation.conftest import Rotated, until

PREVIOUS = "A previous rotation isn't complete. That rotation will be reattempted."
STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]


def error_of(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = caught.value.response.get("Error", {})
    return error.get("Code", ""), error.get("Message", "")


def events(rotated: Rotated) -> list[dict[str, Any]]:
    """The service events about a secret, the oldest first."""
    found = rotated.server.control("SearchAudit", ResourceName=rotated.name, MaxResults=1000)
    records = [json.loads(record["Record"]) for record in found["Records"]]
    return [r for r in records if r.get("eventType") == "AwsServiceEvent"]


def test_a_rotation_changes_the_password_and_every_date(rotated: Rotated) -> None:
    first = rotated.labels()["AWSCURRENT"]
    token = rotated.rotate(RotationRules={"AutomaticallyAfterDays": 10})
    described = rotated.rotated_to(token)
    assert described["VersionIdsToStages"] == {token: ["AWSCURRENT"], first: ["AWSPREVIOUS"]}
    assert described["RotationEnabled"]
    assert described["RotationLambdaARN"] == rotated.function
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 10}
    day = (described["LastRotatedDate"] + timedelta(days=10)).astimezone().utctimetuple()
    assert described["NextRotationDate"].utctimetuple()[:6] == (*day[:3], 23, 59, 59)
    value = rotated.value()
    assert rotated.database.logs_in(value)
    assert value["password"] != "first-password"
    assert rotated.database.passwords_set("app") == [value["password"]]
    listed = rotated.client.list_secrets(Filters=[{"Key": "name", "Values": [rotated.name]}])["SecretList"][0]
    assert listed["NextRotationDate"] == described["NextRotationDate"]
    again = rotated.rotate()
    rotated.rotated_to(again)
    assert rotated.labels() == {"AWSCURRENT": again, "AWSPREVIOUS": token}
    attempts = rotated.attempts()
    assert [a["Outcome"] for a in attempts] == ["succeeded", "succeeded"]
    assert [s["Step"] for s in attempts[0]["Steps"]] == STEPS
    assert attempts[1]["LabelsAfter"] == {"AWSCURRENT": again, "AWSPREVIOUS": token}


def test_the_events_have_the_shape_of_aws(rotated: Rotated) -> None:
    token = rotated.rotate()
    rotated.rotated_to(token)
    started, succeeded = events(rotated)
    assert (started["eventName"], succeeded["eventName"]) == ("RotationStarted", "RotationSucceeded")
    account, region = rotated.server.home.account, rotated.server.region
    service = "secretsmanager.amazonaws.com"
    varying = {"eventVersion", "eventTime", "eventID"}
    assert {k: v for k, v in started.items() if k not in varying} == {
        "userIdentity": {"accountId": account, "invokedBy": service},
        "eventSource": service,
        "eventName": "RotationStarted",
        "awsRegion": region,
        "sourceIPAddress": service,
        "userAgent": service,
        "requestParameters": None,
        "responseElements": None,
        "additionalEventData": {"SecretId": rotated.arn},
        "requestID": f"Rotation-{rotated.arn}-{token}",
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": account,
        "eventCategory": "Management",
    }


def test_the_bus_hears_of_a_rotation(rotated: Rotated) -> None:
    """Its service events, and of its labels the one that others follow; never AWSPENDING."""
    listener = Listener(rotated.server.home, {"source": ["aws.secretsmanager"], "resources": [rotated.arn]})
    records = {"source": ["aws.secretsmanager"], "detail-type": ["AWS Service Event via CloudTrail"]}
    service_events = Listener(rotated.server.home, records, name="rotations")
    token = rotated.rotate()
    rotated.rotated_to(token)
    [label] = listener.take()
    assert label["detail"] == {"name": rotated.name, "labelUpdated": "AWSCURRENT", "versionId": token}
    mine = [
        e["detail"] for e in service_events.take() if e["detail"]["additionalEventData"] == {"SecretId": rotated.arn}
    ]
    assert [detail["eventName"] for detail in mine] == ["RotationStarted", "RotationSucceeded"]
    assert mine == events(rotated)


def test_a_failed_rotation_is_tried_again_with_the_same_token(server: Server, rotated: Rotated) -> None:
    rotated.database.order("down", "1")
    token = rotated.rotate(RotationRules={"ScheduleExpression": "rate(1 day)"})
    until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
    with pytest.raises(ClientError) as caught:
        rotated.rotate()
    assert error_of(caught) == ("InvalidRequestException", PREVIOUS)
    assert rotated.labels()["AWSPENDING"] == token
    password = rotated.value(VersionId=token)["password"]
    server.advance(hours=2)
    rotated.database.order("down", "")
    server.advance(days=1)
    attempts = [a for a in rotated.attempts() if a["Token"] == token]
    assert [a["Outcome"] for a in attempts] == ["failed"] * (len(attempts) - 1) + ["succeeded"]
    waits = [a["NextRetry"] - a["Ended"] for a in attempts[:-1]]
    assert [round(wait / 11, 0) for wait in waits[:2]] == [1, 3]
    assert rotated.database.passwords_set("app")[0] == password
    failed = next(e for e in events(rotated) if e["eventName"] == "RotationFailed")
    assert failed["errorMessage"] == f"Error when executing lambda {rotated.function} during setSecret step"
    assert attempts[0]["Steps"][1]["Error"] == "The database does not answer: start it."
    assert "NextRetry" not in attempts[-1]


def test_a_foreign_value_abandons_the_rotation(rotated: Rotated) -> None:
    rotated.database.order("down", "1")
    token = rotated.rotate(RotationRules={"AutomaticallyAfterDays": 3})
    until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
    put = rotated.client.put_secret_value(SecretId=rotated.name, SecretString="{}")["VersionId"]
    assert "AWSPENDING" not in rotated.labels()
    assert rotated.labels()["AWSCURRENT"] == put
    assert [e["eventName"] for e in events(rotated)] == ["RotationStarted", "RotationFailed", "RotationAbandoned"]
    assert rotated.attempts()[-1]["Outcome"] == "abandoned"
    assert rotated.attempts()[-1]["Token"] == token
    next_date = rotated.describe()["NextRotationDate"]
    assert timedelta(days=2) < next_date - rotated.server.now() <= timedelta(days=4)


def test_cancelled_labels_stay_and_block_until_they_are_taken_off(rotated: Rotated) -> None:
    rotated.database.order("down", "1")
    token = rotated.rotate(RotationRules={"AutomaticallyAfterDays": 3})
    until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
    assert rotated.client.cancel_rotate_secret(SecretId=rotated.name)["VersionId"] == token
    described = rotated.describe()
    assert described["RotationEnabled"] is False
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 3}
    assert "NextRotationDate" not in described
    assert rotated.labels()["AWSPENDING"] == token
    with pytest.raises(ClientError) as caught:
        rotated.rotate()
    assert error_of(caught) == ("InvalidRequestException", PREVIOUS)
    rotated.client.update_secret_version_stage(
        SecretId=rotated.name, VersionStage="AWSPENDING", RemoveFromVersionId=token
    )
    rotated.database.order("down", "")
    rotated.rotated_to(rotated.client.rotate_secret(SecretId=rotated.name)["VersionId"])


def test_a_test_run_changes_nothing(rotated: Rotated) -> None:
    before = rotated.labels()
    token = rotated.rotate(RotateImmediately=False, RotationRules={"AutomaticallyAfterDays": 3})
    assert token != before["AWSCURRENT"]
    until(lambda: "AWSPENDING" not in rotated.labels())
    assert rotated.labels() == before
    assert [v["VersionId"] for v in rotated.client.list_secret_version_ids(
        SecretId=rotated.name, IncludeDeprecated=True)["Versions"]] == [before["AWSCURRENT"]]  # fmt: skip
    assert [e["eventName"] for e in events(rotated)] == ["TestRotationStarted", "TestRotationSucceeded"]
    assert rotated.database.passwords_set("app") == []
    rotated.database.order("down", "1")
    rotated.rotate(RotateImmediately=False)
    until(lambda: len(events(rotated)) == 4)
    assert events(rotated)[-1]["eventName"] == "TestRotationFailed"
    assert events(rotated)[-1]["errorMessage"].endswith("during testSecret step")
    assert rotated.labels() == before


def test_a_repeated_call_is_one_rotation(rotated: Rotated) -> None:
    token = rotated.rotate(ClientRequestToken="t" * 32)
    assert rotated.rotate(ClientRequestToken="t" * 32) == token
    rotated.rotated_to(token)
    assert rotated.rotate(ClientRequestToken="t" * 32) == token
    assert len(rotated.database.passwords_set("app")) == 1


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"RotationLambdaARN": None}, "InvalidRequestException", "No Lambda rotation function ARN is associated"),
        (
            {"RotationRules": {"AutomaticallyAfterDays": 3, "ScheduleExpression": "rate(4 hours)"}},
            "InvalidParameterException",
            "You cannot specify both rotation frequency and schedule expression together.",
        ),
        (
            # As DescribeSecret shows a rate of days: what it shows cannot be sent back.
            {"RotationRules": {"AutomaticallyAfterDays": 10, "ScheduleExpression": "rate(10 days)"}},
            "InvalidParameterException",
            "You cannot specify both rotation frequency and schedule expression together.",
        ),
        ({"RotationRules": {"ScheduleExpression": "rate(1 hour)"}}, "InvalidParameterException", "at least 4 hours"),
        (
            {"RotationLambdaARN": "arn:aws:lambda:us-east-1:ACCOUNT:function:mine"},
            "AccessDeniedException",
            "Secrets Manager cannot invoke the specified Lambda function.",
        ),
        ({"RotationLambdaARN": "mine"}, "InvalidParameterException", "not the ARN of a Lambda function"),
    ],
)
def test_refusals_change_nothing(rotated: Rotated, members: dict[str, Any], code: str, text: str) -> None:
    before = rotated.describe()["VersionIdsToStages"]
    given = {"RotationLambdaARN": rotated.function, **members}
    if function := given["RotationLambdaARN"]:
        given["RotationLambdaARN"] = function.replace("ACCOUNT", rotated.server.home.account)
    client = rotated.server.client("secretsmanager", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as caught:
        client.rotate_secret(SecretId=rotated.name, **{k: v for k, v in given.items() if v is not None})
    assert error_of(caught)[0] == code
    assert text in error_of(caught)[1]
    assert rotated.describe()["VersionIdsToStages"] == before
    assert "RotationEnabled" not in rotated.describe()


def test_a_rotation_token_must_be_the_one_that_was_given(rotated: Rotated) -> None:
    with pytest.raises(ClientError) as caught:
        rotated.client.put_secret_value(SecretId=rotated.name, SecretString="x", RotationToken="a" * 36)
    assert error_of(caught)[0] == "InvalidParameterException"


def test_deleted_and_restored_a_rotation_goes_on(server: Server, rotated: Rotated) -> None:
    rotated.database.order("down", "1")
    token = rotated.rotate(RotationRules={"ScheduleExpression": "rate(1 day)"})
    until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
    rotated.client.delete_secret(SecretId=rotated.name, RecoveryWindowInDays=30)
    rotated.database.order("down", "")
    server.advance(days=3)
    assert rotated.labels()["AWSPENDING"] == token
    rotated.client.restore_secret(SecretId=rotated.name)
    rotated.rotated_to(token)
    names = [e["eventName"] for e in events(rotated)]
    assert names.count("StartSecretVersionDelete") == names.count("CancelSecretVersionDelete") == 2


def test_stuck_rotations_can_be_helped(server: Server, rotated: Rotated) -> None:
    rotated.database.order("down", "1")
    token = rotated.rotate()
    until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
    rotated.database.order("down", "")
    server.control("RetryRotation", SecretId=rotated.name)
    rotated.rotated_to(token)
    first = rotated.labels()["AWSPREVIOUS"]
    labels = server.control("RollBackRotation", SecretId=rotated.name)["Labels"]
    assert labels == {"AWSCURRENT": first, "AWSPREVIOUS": token}
    rotated.client.update_secret_version_stage(
        SecretId=rotated.name, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=first
    )
    rotated.database.order("down", "1")
    again = rotated.rotate()
    until(lambda: rotated.attempts()[-1]["Token"] == again and rotated.attempts()[-1]["Outcome"] == "failed")
    assert server.control("AbandonRotation", SecretId=rotated.name)["Labels"] == {
        "AWSCURRENT": token,
        "AWSPREVIOUS": first,
    }
    assert rotated.attempts()[-1]["Outcome"] == "abandoned"


def test_rehearsal_and_forecast(server: Server, rotated: Rotated) -> None:
    rotated.rotated_to(rotated.rotate(RotationRules={"ScheduleExpression": "cron(0 8 ? * MON *)", "Duration": "2h"}))
    found = server.control("RehearseRotation", SecretId=rotated.name)
    assert found["Passed"]
    assert [f["Check"] for f in found["Findings"]] == ["secret", "login"]
    planned = server.control("ForecastRotations", Days=28)["Rotations"]
    mine = [p for p in planned if p["Secret"] == rotated.arn]
    assert len(mine) == 4
    assert all(int(p["Due"]) // 86400 % 7 == 4 and 8 <= p["Due"] % 86400 / 3600 < 10 for p in mine)


def test_strict_refuses_a_foreign_value(tmp_path: Path) -> None:
    from tests.rotation.server import RotatingServer

    with RotatingServer(arguments=("--rotation-lock", "strict")) as server:
        rotated = Rotated(server, tmp_path)
        rotated.database.order("down", "1")
        token = rotated.rotate()
        until(lambda: rotated.attempts() and rotated.attempts()[0]["Outcome"] == "failed")
        for put in (rotated.client.put_secret_value, rotated.client.update_secret):
            with pytest.raises(ClientError) as caught:
                put(SecretId=rotated.name, SecretString="{}")
            assert error_of(caught)[0] == "InvalidRequestException"
        assert rotated.labels()["AWSPENDING"] == token


def test_nothing_of_the_values_is_in_the_timeline(rotated: Rotated) -> None:
    rotated.rotated_to(rotated.rotate())
    assert rotated.value()["password"] not in json.dumps(rotated.attempts())
