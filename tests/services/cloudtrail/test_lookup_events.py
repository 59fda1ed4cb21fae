"""LookupEvents through boto3: each attribute, pages, times, errors, and that a read just answered is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Account, Server


@pytest.fixture
def busy(holdfast: Account) -> Account:
    """An account that made two secrets and a parameter, and read them."""
    secrets, parameters = holdfast.client("secretsmanager"), holdfast.client("ssm")
    for name in ("prod/db", "prod/api"):
        secrets.create_secret(Name=name, SecretString="x")
    parameters.put_parameter(Name="/prod/host", Value="x", Type="SecureString")
    for _ in range(3):
        secrets.get_secret_value(SecretId="prod/db")
    parameters.get_parameter(Name="/prod/host", WithDecryption=True)
    with pytest.raises(ClientError):
        secrets.get_secret_value(SecretId="missing")
    return holdfast


def look_up(account: Account, key: str = "", value: str = "", **more: Any) -> list[dict[str, Any]]:
    if key:
        more["LookupAttributes"] = [{"AttributeKey": key, "AttributeValue": value}]
    paginator = account.client("cloudtrail").get_paginator("lookup_events")
    return [event for page in paginator.paginate(**more) for event in page["Events"]]


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["EventName"] for event in events]


def test_what_was_read_a_moment_ago_is_there_newest_first(busy: Account) -> None:
    events = busy.client("cloudtrail").lookup_events()["Events"]
    assert names(events)[:3] == ["GetSecretValue", "Decrypt", "GetParameter"]
    assert names(events).count("GetSecretValue") == 4
    moments = [event["EventTime"] for event in events]
    assert moments == sorted(moments, reverse=True)


def test_an_event(busy: Account) -> None:
    event = look_up(busy, "EventName", "CreateSecret")[-1]
    record = json.loads(event["CloudTrailEvent"])
    arn = busy.client("secretsmanager").describe_secret(SecretId="prod/db")["ARN"]
    assert event["EventId"] == record["eventID"]
    assert (event["EventSource"], event["ReadOnly"]) == ("secretsmanager.amazonaws.com", "false")
    assert (event["Username"], event["AccessKeyId"]) == ("root", busy.access_key_id)
    assert event["Resources"] == [{"ResourceType": "AWS::SecretsManager::Secret", "ResourceName": arn}]
    assert abs(datetime.now(UTC) - event["EventTime"]) < timedelta(days=400)
    assert record["eventTime"] == event["EventTime"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert record["requestParameters"]["name"] == "prod/db"
    assert "secretString" not in record["requestParameters"]
    assert record["recipientAccountId"] == busy.account


def test_each_attribute(busy: Account) -> None:
    everything = look_up(busy)
    assert names(look_up(busy, "EventName", "CreateSecret")) == ["CreateSecret"] * 2
    assert set(names(look_up(busy, "EventSource", "ssm.amazonaws.com"))) == {"PutParameter", "GetParameter"}
    reads = look_up(busy, "ReadOnly", "true")
    assert {event["ReadOnly"] for event in reads} == {"true"}
    changes = look_up(busy, "ReadOnly", "false")
    assert set(names(changes)) == {"CreateSecret", "PutParameter"} | set(names(changes)) - {"Decrypt", "LookupEvents"}
    assert {event["ReadOnly"] for event in changes} == {"false"}
    wanted = everything[2]
    assert [event["EventId"] for event in look_up(busy, "EventId", wanted["EventId"])] == [wanted["EventId"]]
    assert len(look_up(busy, "Username", "root")) > len(everything)
    assert len(look_up(busy, "AccessKeyId", busy.access_key_id)) > len(everything)
    assert not look_up(busy, "Username", "nobody")
    assert not look_up(busy, "AccessKeyId", "AKIAIOSFODNN7EXAMPLE")


def test_resources_by_arn_by_name_and_by_type(busy: Account) -> None:
    arn = busy.client("secretsmanager").describe_secret(SecretId="prod/db")["ARN"]
    by_arn = look_up(busy, "ResourceName", arn)
    assert names(by_arn) == ["DescribeSecret", *["GetSecretValue"] * 3, "CreateSecret"]
    assert [event["EventId"] for event in look_up(busy, "ResourceName", "prod/db")] == [
        event["EventId"] for event in by_arn
    ]
    assert set(names(look_up(busy, "ResourceName", "/prod/host"))) == {"PutParameter", "GetParameter"}
    keys = look_up(busy, "ResourceType", "AWS::KMS::Key")
    assert {event["EventSource"] for event in keys} == {"kms.amazonaws.com"}
    # A secret's name finds the secret of that name, and no longer one.
    assert not look_up(busy, "ResourceName", "prod")


def test_what_is_made_is_found_by_its_type_and_its_name(holdfast: Account) -> None:
    kms, iam = holdfast.client("kms"), holdfast.client("iam")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key["KeyId"])
    user = iam.create_user(UserName="anna", Path="/team/")["User"]["Arn"]
    provider = iam.create_open_id_connect_provider(Url="http://127.0.0.1:8080/a")["OpenIDConnectProviderArn"]
    assert names(look_up(holdfast, "ResourceName", key["KeyId"])) == ["CreateAlias", "CreateKey"]
    for kind, name, made in (
        ("AWS::KMS::Key", "CreateKey", [key["Arn"]]),
        ("AWS::KMS::Alias", "CreateAlias", [f"{key['Arn'].partition(':key/')[0]}:alias/mine", key["Arn"]]),
        ("AWS::IAM::User", "CreateUser", [user]),
        ("AWS::IAM::OIDCProvider", "CreateOpenIDConnectProvider", [provider]),
    ):
        found = look_up(holdfast, "ResourceType", kind)
        assert names(found)[-1] == name
        assert [resource["ResourceName"] for resource in found[-1]["Resources"]] == made
        assert found[-1]["Resources"][0]["ResourceType"] == kind


def test_pages_leave_nothing_out(busy: Account) -> None:
    end = datetime.now(UTC) + timedelta(days=400)
    whole = [event["EventId"] for event in look_up(busy, EndTime=end)]
    client = busy.client("cloudtrail")
    first = client.lookup_events(EndTime=end, MaxResults=2)
    assert len(first["Events"]) == 2
    found = [event["EventId"] for event in first["Events"]]
    page = first
    while token := page.get("NextToken"):
        page = client.lookup_events(EndTime=end, MaxResults=2, NextToken=token)
        assert page["Events"], "a token means that there is more"
        found += [event["EventId"] for event in page["Events"]]
    assert [event for event in found if event in whole] == whole


def test_times(holdfast_server: Server) -> None:
    secrets = holdfast_server.client("secretsmanager")
    client = holdfast_server.client("cloudtrail")
    secrets.create_secret(Name="first", SecretString="x")
    first = client.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateSecret"}])
    moment = first["Events"][0]["EventTime"]
    holdfast_server.advance(days=1)
    secrets.create_secret(Name="second", SecretString="x")

    def created(**times: datetime) -> int:
        attributes = [{"AttributeKey": "EventName", "AttributeValue": "CreateSecret"}]
        return len(client.lookup_events(LookupAttributes=attributes, **times)["Events"])

    assert created() == 2
    assert created(StartTime=moment) == 2, "both ends are included"
    assert created(EndTime=moment) == 1
    assert created(StartTime=moment, EndTime=moment) == 1
    assert created(StartTime=moment + timedelta(seconds=1)) == 1
    assert created(EndTime=moment - timedelta(seconds=1)) == 0
    holdfast_server.advance(days=89, hours=12)
    assert created() == 1, "the last 90 days"
    assert created(StartTime=moment) == 1


def test_regions_and_accounts_are_apart(busy: Account, holdfast_session_server: Server) -> None:
    assert not busy.client("cloudtrail", "eu-north-1").lookup_events()["Events"]
    other = holdfast_session_server.create_account()
    assert not other.client("cloudtrail").lookup_events()["Events"]
    other.close()


EVENT_NAME = {"AttributeKey": "EventName", "AttributeValue": "a"}
ATTRIBUTES = "InvalidLookupAttributesException"


@pytest.mark.parametrize(
    ("request_members", "code"),
    [
        ({"LookupAttributes": [EVENT_NAME, EVENT_NAME]}, ATTRIBUTES),
        ({"LookupAttributes": [{**EVENT_NAME, "AttributeKey": "Color"}]}, ATTRIBUTES),
        ({"LookupAttributes": [{**EVENT_NAME, "AttributeValue": "a" * 2001}]}, ATTRIBUTES),
        (
            {"StartTime": datetime(2026, 1, 2, tzinfo=UTC), "EndTime": datetime(2026, 1, 1, tzinfo=UTC)},
            "InvalidTimeRangeException",
        ),
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        ({"NextToken": "made up"}, "InvalidNextTokenException"),
        ({"EventCategory": "management"}, "InvalidEventCategoryException"),
    ],
)  # fmt: skip
def test_what_is_refused(holdfast: Account, request_members: dict[str, Any], code: str) -> None:
    from botocore.config import Config

    client = holdfast.client("cloudtrail", config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as refused:
        client.lookup_events(**request_members)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["Error"]["Message"]


def test_a_token_belongs_to_its_question(busy: Account) -> None:
    client = busy.client("cloudtrail")
    token = client.lookup_events(MaxResults=1)["NextToken"]
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        client.lookup_events(
            MaxResults=1, NextToken=token, LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "true"}]
        )
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        busy.client("cloudtrail", "eu-north-1").lookup_events(MaxResults=1, NextToken=token)


def test_there_are_no_insights(busy: Account) -> None:
    assert busy.client("cloudtrail").lookup_events(EventCategory="insight")["Events"] == []


def test_looking_is_on_record_too(holdfast: Account) -> None:
    holdfast.client("cloudtrail").lookup_events()
    event = look_up(holdfast)[0]
    assert (event["EventName"], event["ReadOnly"]) == ("LookupEvents", "true")
