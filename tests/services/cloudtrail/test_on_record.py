"""Each call is on record: allowed, denied, invalid, unknown, on behalf of a caller, or by the service itself."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Account, Server
from tests.canaries import canary


def records(account: Account, **members: Any) -> list[dict[str, Any]]:
    answer = account.server.control("SearchAudit", Account=account.account, **members)
    return [json.loads(record["Record"]) for record in answer["Records"]]


def test_a_call_and_what_was_done_on_its_behalf_share_a_request_id(holdfast: Account) -> None:
    secrets = holdfast.client("secretsmanager")
    made = secrets.create_secret(Name="a", SecretString="x")
    found = records(holdfast, RequestId=made["ResponseMetadata"]["RequestId"])
    assert next((r["eventName"], r["readOnly"]) for r in found) == ("CreateSecret", False)
    assert {r["eventName"] for r in found} >= {"CreateSecret", "GenerateDataKey"}
    for record in found[1:]:
        assert record["userIdentity"]["invokedBy"] == "secretsmanager.amazonaws.com"
        assert record["sourceIPAddress"] == record["userAgent"] == "secretsmanager.amazonaws.com"
        assert record["userIdentity"]["arn"] == f"arn:aws:iam::{holdfast.account}:root"


def test_errors_of_every_kind(holdfast: Account) -> None:
    secrets = holdfast.client("secretsmanager")
    with pytest.raises(ClientError):
        secrets.get_secret_value(SecretId="missing")
    with pytest.raises(ClientError) as invalid:
        secrets.create_secret(Name="not a name!", SecretString="x")
    with pytest.raises(ClientError):
        secrets.get_secret_value(SecretId="a" * 3000)
    with pytest.raises(ClientError) as absent:
        secrets.replicate_secret_to_regions(SecretId="a", AddReplicaRegions=[{"Region": "eu-west-1"}])
    found = {(r["eventName"], r["errorCode"]) for r in records(holdfast) if "errorCode" in r}
    assert found >= {
        ("GetSecretValue", "ResourceNotFoundException"),
        ("CreateSecret", invalid.value.response["Error"]["Code"]),
        ("GetSecretValue", "ValidationException"),
        ("ReplicateSecretToRegions", absent.value.response["Error"]["Code"]),
    }


def test_what_is_refused_for_its_length_leaves_a_short_record(holdfast: Account) -> None:
    """Else whoever may call nothing could fill the disk with what they send, twice over."""
    secrets = holdfast.client("secretsmanager")
    with pytest.raises(ClientError):
        secrets.get_secret_value(SecretId="a" * 200_000)
    (found,) = records(holdfast, EventName="GetSecretValue")
    assert found["requestParameters"] == {"omitted": True}
    assert len(found["errorMessage"]) == 1024
    assert len(json.dumps(found)) < 4000


def test_a_denied_call(holdfast: Account, holdfast_session_server: Server) -> None:
    """Across accounts: the caller's trail has it, the owner's does not, or anybody could write into it."""
    arn = holdfast.client("secretsmanager").create_secret(Name="mine", SecretString="x")["ARN"]
    stranger = holdfast_session_server.create_account()
    with pytest.raises(ClientError):
        stranger.client("secretsmanager").get_secret_value(SecretId=arn)
    denied = records(stranger, ErrorCode="AccessDenied")
    assert [record["eventName"] for record in denied] == ["GetSecretValue"]
    assert denied[0]["errorMessage"].startswith(f"User: arn:aws:iam::{stranger.account}:root is not authorized")
    assert not records(holdfast, ErrorCode="AccessDenied")
    assert not [r for r in records(holdfast) if r["userIdentity"].get("accountId") == stranger.account]
    stranger.close()


def test_values_do_not_get_in(holdfast: Account) -> None:
    secrets, parameters = holdfast.client("secretsmanager"), holdfast.client("ssm")
    text = canary()
    secrets.create_secret(Name="a", SecretString=text)
    secrets.put_secret_value(SecretId="a", SecretString=text)
    secrets.get_secret_value(SecretId="a")
    for kind in ("String", "SecureString"):
        parameters.put_parameter(Name=f"/{kind}", Value=text, Type=kind)
    found = records(holdfast)
    assert text not in json.dumps(found)
    put = [r for r in found if r["eventName"] == "PutParameter"]
    assert [r["requestParameters"]["value"] for r in put] == ["HIDDEN_DUE_TO_SECURITY_REASONS"] * 2
    assert put[0]["responseElements"] == {"version": 1, "tier": "Standard"}
    created = next(r for r in found if r["eventName"] == "CreateSecret")
    assert set(created["requestParameters"]) <= {"name", "clientRequestToken"}


def test_what_happens_by_itself(holdfast_server: Server) -> None:
    home = holdfast_server.home
    secrets, keys = home.client("secretsmanager"), home.client("kms")
    arn = secrets.create_secret(Name="a", SecretString="x")["ARN"]
    secrets.delete_secret(SecretId="a", RecoveryWindowInDays=7)
    key = keys.create_key()["KeyMetadata"]
    keys.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    rotating = keys.create_key()["KeyMetadata"]
    keys.enable_key_rotation(KeyId=rotating["KeyId"], RotationPeriodInDays=90)
    holdfast_server.advance(days=91)
    events = {r["eventName"]: r for r in records(home) if r["eventType"] == "AwsServiceEvent"}
    assert set(events) == {"StartSecretVersionDelete", "EndSecretVersionDelete", "DeleteKey", "RotateKey"}
    ended = events["EndSecretVersionDelete"]
    assert ended["userIdentity"] == {"accountId": home.account, "invokedBy": "secretsmanager.amazonaws.com"}
    assert ended["additionalEventData"]["SecretId"] == arn
    assert ended["requestParameters"] is ended["responseElements"] is None
    assert events["DeleteKey"]["resources"][0]["ARN"] == key["Arn"]
    assert events["RotateKey"]["serviceEventDetails"]["keyId"] == rotating["KeyId"]
    found = home.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "DeleteKey"}]
    )["Events"]
    assert found[0]["Username"] == "kms.amazonaws.com"


def test_without_a_signature_there_is_no_account_to_record_for(holdfast: Account) -> None:
    before = len(records(holdfast))
    from boto3.session import Session

    stranger = Session().client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url=holdfast.endpoint_url,
        aws_access_key_id=holdfast.access_key_id,
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError):
        stranger.list_secrets()
    stranger.close()
    assert len(records(holdfast)) == before


def test_killed_while_it_writes_the_trail_is_whole(holdfast_server: Server) -> None:
    verdict: dict[str, Any] = {}
    for round_number in range(2):
        secrets = holdfast_server.client("secretsmanager")
        for number in range(20):
            secrets.create_secret(Name=f"s-{round_number}-{number}", SecretString="x")
            secrets.get_secret_value(SecretId=f"s-{round_number}-{number}")
        holdfast_server.kill()
        holdfast_server.start()
        verdict = holdfast_server.control("VerifyAudit")
        assert (verdict["Done"], verdict["Findings"]) == (True, [])
    assert verdict["Chains"] == 3


def test_a_change_under_a_running_server_is_found(holdfast_server: Server) -> None:
    secrets = holdfast_server.client("secretsmanager")
    for number in range(5):
        secrets.create_secret(Name=f"s{number}", SecretString="x")
    with sqlite3.connect(holdfast_server.directory / "holdfast.db") as database:
        database.execute("UPDATE audit_record SET request_id = 'other' WHERE sequence = 3")
        database.execute("DELETE FROM audit_record WHERE sequence = (SELECT MAX(sequence) FROM audit_record)")
    database.close()
    verdict = holdfast_server.control("VerifyAudit")
    assert sorted(found["Kind"] for found in verdict["Findings"]) == ["changed", "missing"]


def test_others_may_not_verify_nor_read_others_records(holdfast: Account, holdfast_session_server: Server) -> None:
    from tests.raw_client import client_of

    client = client_of(holdfast)
    assert client.call("holdfast", "VerifyAudit").error == "AccessDeniedException"
    other = holdfast_session_server.create_account()
    assert client.call("holdfast", "SearchAudit", Account=other.account).error == "AccessDeniedException"
    assert client.call("holdfast", "ReadAudit", Account=other.account).error == "AccessDeniedException"
    other.client("secretsmanager").list_secrets()
    own = client.call("holdfast", "ReadAudit").body["Records"]
    assert {record["Account"] for record in own} == {holdfast.account}
    found = client.call("holdfast", "SearchAudit").body["Records"]
    assert {record["Account"] for record in found} == {holdfast.account}
    bad = client.call("holdfast", "SearchAudit", NextToken="made up")
    assert bad.error == "InvalidAuditTokenException"
    client.close()
    other.close()


def test_what_happens_to_a_secret_is_on_record_with_its_owner_whoever_caused_it(holdfast_server: Server) -> None:
    owner, other = holdfast_server.create_account(), holdfast_server.create_account()
    secrets, others = owner.client("secretsmanager"), other.client("secretsmanager")
    arn = secrets.create_secret(Name="shared", SecretString="x")["ARN"]
    statement = {"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "secretsmanager:*", "Resource": "*"}
    secrets.put_resource_policy(
        SecretId=arn, ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    others.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    others.restore_secret(SecretId=arn)
    others.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    found = [r for r in records(owner) if r["eventType"] == "AwsServiceEvent"]
    names = ["StartSecretVersionDelete", "CancelSecretVersionDelete", "EndSecretVersionDelete"]
    assert sorted(r["eventName"] for r in found) == sorted(names)
    for record in found:
        assert record["additionalEventData"]["SecretId"] == arn
        assert record["userIdentity"]["accountId"] == record["recipientAccountId"] == owner.account
    assert not [r for r in records(other) if r["eventType"] == "AwsServiceEvent"]
