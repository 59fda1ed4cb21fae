"""Event buses, their policies and tags; connections and API destinations as their owners see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account, Server
from tests.canaries import canary
from tests.services.lambda_.refusals import refused
from tests.services.sts.conftest import allow, new_user, session_client


@pytest.fixture
def events(holdfast: Account) -> Any:
    """A boto3 client of a fresh account."""
    return holdfast.client("events")


def user(account: Account, name: str, policy: str) -> Any:
    """The client of a new user."""
    key = new_user(account, name, policy)
    names = ("AccessKeyId", "SecretAccessKey")
    return session_client(account, {each: key[each] for each in names}, "events")


def bus(account: Account, name: str) -> str:
    return f"arn:aws:events:us-east-1:{account.account}:event-bus/{name}"


def test_buses(events: Any, holdfast: Account) -> None:
    shown = events.describe_event_bus()
    assert (shown["Name"], shown["Arn"]) == ("default", bus(holdfast, "default"))
    assert events.create_event_bus(Name="orders", Description="d")["EventBusArn"] == bus(holdfast, "orders")
    events.create_event_bus(Name="a")
    assert refused(events.create_event_bus, Name="a") == (
        "ResourceAlreadyExistsException", "Event bus a already exists.", 400,
    )  # fmt: skip
    assert refused(events.create_event_bus, Name="default")[0] == "ResourceAlreadyExistsException"
    names = [each["Name"] for each in events.list_event_buses()["EventBuses"]]
    assert names == ["a", "default", "orders"]
    first = events.list_event_buses(Limit=1)
    second = events.list_event_buses(Limit=1, NextToken=first["NextToken"])
    assert [page["EventBuses"][0]["Name"] for page in (first, second)] == ["a", "default"]
    assert [each["Name"] for each in events.list_event_buses(NamePrefix="o")["EventBuses"]] == ["orders"]
    assert events.describe_event_bus(Name=bus(holdfast, "orders"))["Description"] == "d"
    events.update_event_bus(Name="orders", Description="second")
    events.update_event_bus(Description="of all")
    assert events.describe_event_bus(Name="orders")["Description"] == "second"
    assert [each["Name"] for each in events.list_event_buses()["EventBuses"]] == names
    for options in (
        {"KmsKeyIdentifier": "alias/x"},
        {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{holdfast.account}:q"}},
        {"LogConfig": {"Level": "INFO"}},
    ):
        code, text, _ = refused(events.create_event_bus, Name="b", **options)
        assert (code, next(iter(options)) in text) == ("NotImplementedException", True)
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}', EventBusName="a")
    assert refused(events.delete_event_bus, Name="a")[0] == "ValidationException"
    events.delete_rule(Name="r", EventBusName="a")
    events.delete_event_bus(Name="a")
    events.delete_event_bus(Name="a")
    assert refused(events.describe_event_bus, Name="a") == (
        "ResourceNotFoundException", "Event bus a does not exist.", 400,
    )  # fmt: skip
    assert refused(events.delete_event_bus, Name="default")[0] == "ValidationException"


def test_tags_of_buses(events: Any, holdfast: Account) -> None:
    events.create_event_bus(Name="t", Tags=[{"Key": "a", "Value": "1"}])
    for arn in (bus(holdfast, "t"), bus(holdfast, "default")):
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
        events.untag_resource(ResourceARN=arn, TagKeys=["a", "none"])
        assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert refused(events.tag_resource, ResourceARN="x", Tags=[])[0] == "ValidationException"
    tags = [{"Key": str(n), "Value": ""} for n in range(50)]
    assert refused(events.tag_resource, ResourceARN=bus(holdfast, "t"), Tags=tags)[0] == "LimitExceededException"


def test_permissions(events: Any, holdfast: Account) -> None:
    other = "111122223333"
    statement = {"Action": "events:PutEvents", "Principal": other, "StatementId": "s"}
    events.put_permission(**statement)
    events.put_permission(**{**statement, "StatementId": "all", "Principal": "*"}, Condition={
        "Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1234567890"})  # fmt: skip
    policy = json.loads(events.describe_event_bus()["Policy"])
    assert policy == {"Version": "2012-10-17", "Statement": [
        {"Sid": "s", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{other}:root"},
         "Action": "events:PutEvents", "Resource": bus(holdfast, "default")},
        {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents",
         "Resource": bus(holdfast, "default"),
         "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}},
    ]}  # fmt: skip
    events.remove_permission(StatementId="s")
    assert refused(events.remove_permission, StatementId="s")[0] == "ResourceNotFoundException"
    events.remove_permission(RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus()
    assert refused(events.put_permission, Policy="{}")[0] == "ValidationException"
    assert refused(events.put_permission, Action="events:PutEvents")[0] == "ValidationException"
    gone = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "events:PutEvents",
        "Principal": {"AWS": f"arn:aws:iam::{holdfast.account}:user/nobody"}, "Resource": "*"}]})  # fmt: skip
    assert "Invalid principal" in refused(events.put_permission, Policy=gone)[1]


def test_conditions_on_events_and_patterns(holdfast: Account) -> None:
    condition = {"StringEquals": {"events:source": "app", "events:detail-type": ["a", "b"]}}
    alice = user(holdfast, "alice", allow("events:PutEvents", Condition=condition))
    entry = {"Source": "app", "DetailType": "a", "Detail": "{}"}
    assert alice.put_events(Entries=[entry])["FailedEntryCount"] == 0
    code, text, _ = refused(alice.put_events, Entries=[{**entry, "DetailType": "c"}])
    assert code == "AccessDeniedException"
    assert f"events:PutEvents on resource: {bus(holdfast, 'default')}" in text
    only = {"ForAllValues:StringEquals": {"events:source": ["app", "other"]}, "Null": {"events:source": "false"}}
    bob = user(holdfast, "bob", allow("events:PutRule", Condition=only))
    bob.put_rule(Name="mine", EventPattern='{"source": ["app"]}')
    assert (
        refused(bob.put_rule, Name="all", EventPattern='{"source": ["app", "aws.ec2"]}')[0] == "AccessDeniedException"
    )
    assert refused(bob.put_rule, Name="any", EventPattern='{"detail-type": ["x"]}')[0] == "AccessDeniedException"
    targets = {"ArnLike": {"events:TargetArn": "arn:aws:sqs:*:*:allowed"}}
    carol = user(holdfast, "carol", allow("events:PutTargets", Condition=targets))
    queue = f"arn:aws:sqs:us-east-1:{holdfast.account}:"
    carol.put_targets(Rule="mine", Targets=[{"Id": "1", "Arn": f"{queue}allowed"}])
    refusal = refused(carol.put_targets, Rule="mine", Targets=[{"Id": "1", "Arn": f"{queue}other"}])
    assert refusal[0] == "AccessDeniedException"
    two = [{"Id": "1", "Arn": f"{queue}allowed"}, {"Id": "2", "Arn": f"{queue}other"}]
    assert refused(carol.put_targets, Rule="mine", Targets=two)[0] == "AccessDeniedException"
    for client in (alice, bob, carol):
        client.close()


def test_a_rule_on_another_accounts_bus(holdfast: Account, holdfast_session_server: Server, events: Any) -> None:
    other = holdfast_session_server.create_account()
    theirs = other.client("events")
    theirs.create_event_bus(Name="shared")
    arn = bus(other, "shared")
    options = {"Name": "r", "EventBusName": arn, "EventPattern": '{"source": ["x"]}'}
    assert refused(events.put_rule, **options)[0] == "AccessDeniedException"
    assert refused(events.put_rule, **{**options, "EventBusName": bus(other, "none")})[0] == "AccessDeniedException"
    policy = {"Effect": "Allow", "Principal": {"AWS": holdfast.account}, "Action": ["events:PutRule", "events:DescribeRule"],
              "Resource": f"arn:aws:events:us-east-1:{other.account}:rule/shared/*",
              "Condition": {"StringEqualsIfExists": {"events:creatorAccount": "${aws:PrincipalAccount}"}}}  # fmt: skip
    theirs.put_permission(EventBusName="shared", Policy=json.dumps({"Version": "2012-10-17", "Statement": [policy]}))
    assert events.put_rule(**options)["RuleArn"] == f"arn:aws:events:us-east-1:{other.account}:rule/shared/r"
    assert events.describe_rule(Name="r", EventBusName=arn)["CreatedBy"] == holdfast.account
    theirs.put_rule(Name="own", EventBusName="shared", EventPattern='{"source": ["x"]}')
    assert refused(events.describe_rule, Name="own", EventBusName=arn)[0] == "AccessDeniedException"
    other.close()


def test_connections_show_no_secret(events: Any, holdfast: Account) -> None:
    secrets = [canary("password"), canary("header"), canary("client")]
    parameters = {
        "BasicAuthParameters": {"Username": "u", "Password": secrets[0]},
        "InvocationHttpParameters": {"HeaderParameters": [
            {"Key": "A", "Value": secrets[1], "IsValueSecret": True}, {"Key": "B", "Value": "shown", "IsValueSecret": False},
        ]},
    }  # fmt: skip
    made = events.create_connection(Name="c", AuthorizationType="BASIC", AuthParameters=parameters)
    assert made["ConnectionArn"].startswith(f"arn:aws:events:us-east-1:{holdfast.account}:connection/c/")
    assert made["ConnectionState"] == "AUTHORIZED"
    shown = events.describe_connection(Name="c")
    assert shown["AuthParameters"] == {
        "BasicAuthParameters": {"Username": "u"},
        "InvocationHttpParameters": {"HeaderParameters": [
            {"Key": "A", "IsValueSecret": True}, {"Key": "B", "Value": "shown", "IsValueSecret": False},
        ]},
    }  # fmt: skip
    destination = {
        "Name": "d", "ConnectionArn": made["ConnectionArn"], "InvocationEndpoint": "https://example.org/x", "HttpMethod": "PUT",
    }  # fmt: skip
    assert events.create_api_destination(**destination)["ApiDestinationState"] == "ACTIVE"
    assert refused(events.create_api_destination, **destination)[0] == "ResourceAlreadyExistsException"
    assert refused(events.create_connection, Name="c", AuthorizationType="BASIC", AuthParameters=parameters)[0] == (
        "ResourceAlreadyExistsException"
    )
    oauth = {"OAuthParameters": {
        "ClientParameters": {"ClientID": "i", "ClientSecret": secrets[2]}, "AuthorizationEndpoint": "https://example.org/t",
        "HttpMethod": "POST",
    }}  # fmt: skip
    kind = "OAUTH_CLIENT_CREDENTIALS"
    events.update_connection(Name="c", AuthorizationType=kind, AuthParameters=oauth)
    shown = events.describe_connection(Name="c")
    assert shown["AuthParameters"]["OAuthParameters"]["ClientParameters"] == {"ClientID": "i"}
    events.update_connection(Name="c", AuthParameters={"OAuthParameters": {"HttpMethod": "GET"}})
    assert events.describe_connection(Name="c")["AuthParameters"]["OAuthParameters"]["HttpMethod"] == "GET"
    events.deauthorize_connection(Name="c")
    assert "AuthParameters" not in events.describe_connection(Name="c")
    assert events.describe_api_destination(Name="d")["ApiDestinationState"] == "INACTIVE"
    listed = events.list_connections(ConnectionState="DEAUTHORIZED")["Connections"]
    assert [each["Name"] for each in listed] == ["c"]
    assert events.list_connections(ConnectionState="AUTHORIZED")["Connections"] == []
    events.update_api_destination(Name="d", InvocationRateLimitPerSecond=7)
    found = events.list_api_destinations(ConnectionArn=made["ConnectionArn"])["ApiDestinations"]
    assert [(each["Name"], each["InvocationRateLimitPerSecond"], each["HttpMethod"]) for each in found] == [
        ("d", 7, "PUT")
    ]
    events.delete_connection(Name="c")
    events.delete_api_destination(Name="d")
    assert refused(events.describe_connection, Name="c")[0] == "ResourceNotFoundException"
    assert refused(events.describe_api_destination, Name="d")[0] == "ResourceNotFoundException"


def test_nobody_calls_with_the_connection_of_another_account(events: Any, holdfast_session_server: Server) -> None:
    other = holdfast_session_server.create_account()
    theirs = other.client("events")
    basic = {"BasicAuthParameters": {"Username": "u", "Password": "p"}}
    foreign = theirs.create_connection(Name="c", AuthorizationType="BASIC", AuthParameters=basic)["ConnectionArn"]
    own = events.create_connection(Name="c", AuthorizationType="BASIC", AuthParameters=basic)["ConnectionArn"]
    options = {"Name": "d", "InvocationEndpoint": "https://mine.example/", "HttpMethod": "POST"}
    assert refused(events.create_api_destination, **options, ConnectionArn=foreign)[0] == "AccessDeniedException"
    events.create_api_destination(**options, ConnectionArn=own)
    refusal = refused(events.update_api_destination, Name="d", ConnectionArn=foreign)
    assert refusal[0] == "AccessDeniedException"
    assert events.describe_api_destination(Name="d")["ConnectionArn"] == own
    other.close()


def test_connections_that_are_refused(events: Any) -> None:
    basic = {"BasicAuthParameters": {"Username": "u", "Password": "p"}}
    options: dict[str, Any] = {"Name": "c", "AuthorizationType": "BASIC", "AuthParameters": basic}
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}}
    for changes, code in (
        ({"AuthorizationType": "API_KEY"}, "ValidationException"),
        ({"AuthParameters": {**basic, **key}}, "ValidationException"),
        ({"AuthParameters": {}}, "ValidationException"),
        ({"KmsKeyIdentifier": "alias/x"}, "NotImplementedException"),
    ):
        assert refused(events.create_connection, **{**options, **changes})[0] == code
    events.create_connection(**options)
    assert refused(events.update_connection, Name="c", AuthorizationType="API_KEY")[0] == "ValidationException"
    assert refused(
        events.update_connection,
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "k"}},
    )[0] == "ValidationException"  # fmt: skip
    arn = events.describe_connection(Name="c")["ConnectionArn"]
    for changes in ({"InvocationEndpoint": "ftp://x/"}, {"ConnectionArn": f"{arn[:-1]}-"}):
        destination = {"Name": "d", "ConnectionArn": arn, "InvocationEndpoint": "https://x/", "HttpMethod": "POST"}
        refusal = refused(events.create_api_destination, **{**destination, **changes})
        assert refusal[0] in ("ValidationException", "ResourceNotFoundException")
