"""Which events a call leaves on which default bus."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.default_bus import ALL, EVERYTHING, Listener, recorded

from holdfast.testing import Account, Server

API_CALL = "AWS API Call via CloudTrail"
EVENTBRIDGE = "events.amazonaws.com"


def test_a_write_tells_of_its_record_and_of_what_changed(holdfast: Account) -> None:
    listener = Listener(holdfast)
    secrets = holdfast.client("secretsmanager")
    arn = secrets.create_secret(Name="app", SecretString="v")["ARN"]
    events = listener.take()
    assert sorted(event["detail-type"] for event in events) == [API_CALL, "Secret Label Updated"]
    call = next(event for event in events if event["detail-type"] == API_CALL)
    assert (call["source"], call["resources"]) == ("aws.secretsmanager", [])
    assert call["account"] == call["detail"]["recipientAccountId"] == holdfast.account
    assert call["time"] == call["detail"]["eventTime"]
    assert call["detail"]["responseElements"]["arn"] == arn
    assert call["id"] != call["detail"]["eventID"]
    found = holdfast.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": call["detail"]["eventID"]}]
    )["Events"]
    assert json.loads(found[0]["CloudTrailEvent"]) == call["detail"], "the detail is the record"


def test_nothing_is_told_when_nobody_listens(holdfast: Account) -> None:
    """A rule of another Region, a disabled one, and one for which nothing matches."""
    elsewhere = Listener(holdfast, region="eu-west-1")
    disabled = Listener(holdfast, name="disabled", state="DISABLED")
    other = Listener(holdfast, {"source": ["aws.iam"]}, name="other")
    holdfast.client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    assert [listener.take() for listener in (elsewhere, disabled, other)] == [[], [], []]


def test_a_failed_write_tells_of_its_failure_only(holdfast: Account) -> None:
    listener = Listener(holdfast)
    ssm, secrets = holdfast.client("ssm"), holdfast.client("secretsmanager")
    ssm.put_parameter(Name="/p", Value="v", Type="String")
    secrets.create_secret(Name="s", SecretString="v")
    listener.take()
    for call, values in (
        (ssm.put_parameter, {"Name": "/p", "Value": "v", "Type": "String"}),
        (secrets.update_secret_version_stage, {"SecretId": "s", "VersionStage": "AWSCURRENT"}),
        (secrets.tag_resource, {"SecretId": "missing", "Tags": []}),
        (ssm.put_parameter, {"Name": "/q", "Value": "v", "Type": "SecureString", "KeyId": "alias/missing"}),
        (ssm.put_parameter, {"Name": "/q", "Value": "v", "Type": "no type"}),
    ):
        with pytest.raises(ClientError) as refused:
            call(**values)
        [event] = listener.take()
        assert event["detail-type"] == API_CALL
        assert event["detail"]["errorCode"] == refused.value.response["Error"]["Code"]


def test_a_denied_write_is_told_of(holdfast: Account) -> None:
    listener = Listener(holdfast)
    holdfast.client("iam").create_user(UserName="nobody")
    key = holdfast.client("iam").create_access_key(UserName="nobody")["AccessKey"]
    listener.take()
    nobody = Account(holdfast.server, holdfast.account, key["AccessKeyId"], key["SecretAccessKey"])
    with pytest.raises(ClientError):
        nobody.client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    nobody.close()
    [event] = listener.take()
    assert event["detail"]["errorCode"] == "AccessDenied"
    assert event["detail"]["userIdentity"]["userName"] == "nobody"


def test_reads_come_to_rules_that_want_them(holdfast: Account) -> None:
    changes = Listener(holdfast)
    everything = Listener(holdfast, name="everything", state=ALL)
    changes.take()
    holdfast.client("secretsmanager").create_secret(Name="s", SecretString="v")
    holdfast.client("secretsmanager").get_secret_value(SecretId="s")
    holdfast.client("ssm").describe_parameters()
    key = holdfast.client("kms").create_key()["KeyMetadata"]["KeyId"]
    holdfast.client("kms").encrypt(KeyId=key, Plaintext=b"x")
    holdfast.client("sts").get_session_token()
    wanted = [("aws.secretsmanager", "CreateSecret"), ("aws.kms", "CreateKey"), ("aws.sts", "GetSessionToken")]
    assert recorded(changes.take()) == wanted
    seen = recorded(everything.take())
    assert set(wanted) <= set(seen)
    assert {
        ("aws.secretsmanager", "GetSecretValue"),
        ("aws.kms", "Decrypt"),
        ("aws.kms", "GenerateDataKey"),
        ("aws.kms", "Encrypt"),
        ("aws.ssm", "DescribeParameters"),
    } <= set(seen)


def test_global_services_are_heard_in_their_region(holdfast: Account) -> None:
    there = Listener(holdfast, region="us-east-1")
    elsewhere = Listener(holdfast, region="eu-west-1")
    holdfast.client("iam", "eu-west-1").create_user(UserName="u")
    [event] = there.take()
    assert (event["source"], event["region"], event["detail"]["eventName"]) == ("aws.iam", "us-east-1", "CreateUser")
    assert elsewhere.take() == []


def test_an_owner_hears_of_others_calls_on_what_is_theirs(holdfast: Account, holdfast_session_server: Server) -> None:
    guest = holdfast_session_server.create_account()
    ours, theirs = Listener(holdfast), Listener(guest)
    kms, secrets = holdfast.client("kms"), holdfast.client("secretsmanager")
    policy: dict[str, Any] = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [holdfast.account, guest.account]}, "Action": "*", "Resource": "*"}
        ],
    }
    key = kms.create_key(Policy=json.dumps(policy), BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    arn = secrets.create_secret(Name="lent", SecretString="v", KmsKeyId=key)["ARN"]
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(policy))
    ours.take()
    version = guest.client("secretsmanager").put_secret_value(SecretId=arn, SecretString="w")["VersionId"]
    heard = ours.take()
    label = {"name": "lent", "labelUpdated": "AWSCURRENT", "versionId": version}
    assert [event["detail"] for event in heard if event["detail-type"] == "Secret Label Updated"] == [label]
    assert recorded(heard) == recorded(theirs.take()) == [("aws.secretsmanager", "PutSecretValue")]
    [record] = [event["detail"] for event in heard if event["detail-type"] == API_CALL]
    assert record["userIdentity"]["type"] == "AWSAccount"


def test_deliveries_do_not_cause_each_other(holdfast_server: Server) -> None:
    """Rules that match everything, reads included, to a topic that admits them and one that does not: each event that they
    deliver is one of a call that somebody made."""
    account = holdfast_server.home
    sns, events = account.client("sns"), account.client("events")
    topic = sns.create_topic(Name="all")["TopicArn"]
    closed = sns.create_topic(Name="closed")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": EVENTBRIDGE}, "Action": "sns:Publish", "Resource": topic}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    events.put_rule(Name="all", EventPattern=json.dumps(EVERYTHING), State=ALL)
    targets = [{"Id": "open", "Arn": topic}, {"Id": "closed", "Arn": closed}]
    events.put_targets(Rule="all", Targets=targets)
    listener = Listener(account, state=ALL)
    sns.publish(TopicArn=topic, Message="data")
    events.put_events(Entries=[{"Source": "app", "DetailType": "t", "Detail": "{}"}])
    account.client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    heard = [event for event in listener.take() if event["source"] != "aws.cloudtrail"]
    assert sorted(event["detail-type"] for event in heard) == [API_CALL, "Parameter Store Change", "t"]
    holdfast_server.advance(hours=30)
    sources = {event["source"] for event in listener.take()}
    assert sources <= {"aws.cloudtrail", "aws.holdfast"}, "what this test asks itself"


def test_killed_while_it_writes_events_and_changes_agree(holdfast_server: Server) -> None:
    """Four writers, whose server is killed under them: an event for each version that is there, and for no other."""
    listener = Listener(holdfast_server.home, {"detail-type": ["Parameter Store Change"]})
    written: Counter[str] = Counter()
    for _ in range(2):
        written += writes_until_killed(holdfast_server)
        holdfast_server.start()
    listener.account = holdfast_server.home
    told = Counter(event["detail"]["name"] for event in listener.take())
    ssm = holdfast_server.client("ssm")
    versions = {p["Name"]: p["Version"] for p in ssm.describe_parameters()["Parameters"]}
    assert told == versions
    assert all(versions[name] >= number for name, number in written.items()), "acknowledged is there"


def writes_until_killed(server: Server) -> Counter[str]:
    """How many versions of each parameter were acknowledged."""
    acknowledged: Counter[str] = Counter()

    def write(name: str) -> None:
        client = server.home.client("ssm", config=Config(retries={"total_max_attempts": 1}))
        with contextlib.suppress(BotoCoreError):
            while True:
                client.put_parameter(Name=name, Value="v", Type="String", Overwrite=True)
                acknowledged[name] += 1

    writers = [threading.Thread(target=write, args=(f"/w{number}",)) for number in range(4)]
    for writer in writers:
        writer.start()
    while sum(acknowledged.values()) < 60:
        writers[0].join(0.01)
    server.kill()
    for writer in writers:
        writer.join()
    return acknowledged
