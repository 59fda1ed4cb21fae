"""Libraries that applications use on top of boto3, unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account
from tests.services.events.conftest import until
from tests.services.lambda_.conftest import EVERYTHING, create, role


def test_aws_secretsmanager_caching(holdfast: Account) -> None:
    from aws_secretsmanager_caching import InjectKeywordedSecretString, SecretCache, SecretCacheConfig

    def password(cache: SecretCache, *stage: str) -> str:
        return json.loads(cache.get_secret_string("cached", *stage) or "{}")["password"]

    client = holdfast.client("secretsmanager")
    client.create_secret(Name="cached", SecretString=json.dumps({"username": "u", "password": "one"}))
    cache = SecretCache(config=SecretCacheConfig(secret_refresh_interval=3600), client=client)
    assert password(cache) == "one"
    client.put_secret_value(SecretId="cached", SecretString=json.dumps({"username": "u", "password": "two"}))
    assert password(cache) == "one"
    fresh = SecretCache(client=client)
    assert password(fresh, "AWSPREVIOUS") == "one"
    assert password(fresh) == "two"

    @InjectKeywordedSecretString(secret_id="cached", cache=fresh, user="username", password="password")
    def connect(user: str, password: str) -> tuple[str, str]:
        return user, password

    assert connect() == ("u", "two")


@pytest.fixture
def powertools_environment(holdfast: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in holdfast.environment.items():
        monkeypatch.setenv(name, value)
    return holdfast


def test_powertools_parameters(powertools_environment: Account) -> None:
    from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider

    account = powertools_environment
    secrets: Any = SecretsProvider(boto3_client=account.client("secretsmanager"))
    ssm: Any = SSMProvider(boto3_client=account.client("ssm"))
    account.client("secretsmanager").create_secret(Name="tools/secret", SecretString='{"a": 1}')
    assert secrets.get("tools/secret", transform="json") == {"a": 1}
    assert secrets.set("tools/secret", '{"a": 2}')["Name"] == "tools/secret"
    assert secrets.get("tools/secret", transform="json", force_fetch=True) == {"a": 2}
    assert secrets.set("tools/new", "made")["Name"] == "tools/new"

    assert ssm.set("/tools/plain", "v")["Version"] == 1
    ssm.set("/tools/secure", "s", parameter_type="SecureString")
    ssm.set("/tools/deep/json", '{"b": 3}')
    assert ssm.get("/tools/secure", decrypt=True) == "s"
    assert ssm.get("/tools/deep/json", transform="json") == {"b": 3}
    assert ssm.get_multiple("/tools", recursive=True, decrypt=True) == {
        "plain": "v",
        "secure": "s",
        "deep/json": '{"b": 3}',
    }
    large = "x" * 5000
    assert ssm.set("/large", large, parameter_type="SecureString", tier="Advanced")["Tier"] == "Advanced"
    assert ssm.get("/large", decrypt=True) == large
    by_name = ssm.get_parameters_by_name({"/tools/plain": {}, "/tools/secure": {"decrypt": True}})
    assert by_name == {"/tools/plain": "v", "/tools/secure": "s"}
    missing = ssm.get_parameters_by_name({"/tools/nothing": {}, "/tools/plain": {}}, raise_on_error=False)
    assert missing["_errors"] == ["/tools/nothing"]


KEEP = """
import json, boto3
def handler(event, context):
    name = "/kept/message" if "Records" in event else "/kept/event"
    boto3.client("ssm").put_parameter(Name=name, Value=json.dumps(event), Type="String", Overwrite=True)
"""


def test_powertools_read_the_events_that_functions_get(holdfast: Account) -> None:
    from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, SNSEvent

    arn = create(holdfast, KEEP, "keep", Role=role(holdfast, "keeper", EVERYTHING), Timeout=30)["FunctionArn"]
    sns, events, ssm = holdfast.client("sns"), holdfast.client("events"), holdfast.client("ssm")
    topic = sns.create_topic(Name="kept")["TopicArn"]
    pattern = {"source": ["aws.ssm"], "detail-type": ["Parameter Store Change"], "detail": {"name": ["/watched"]}}
    rule = events.put_rule(Name="kept", EventPattern=json.dumps(pattern))["RuleArn"]
    for service, source in (("sns", topic), ("events", rule)):
        holdfast.client("lambda").add_permission(
            FunctionName="keep",
            StatementId=service,
            Action="lambda:InvokeFunction",
            Principal=f"{service}.amazonaws.com",
            SourceArn=source,
        )
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)["SubscriptionArn"]
    events.put_targets(Rule="kept", Targets=[{"Id": "f", "Arn": arn}])

    def kept(name: str) -> Any:
        found = ssm.get_parameters(Names=[name])["Parameters"]
        return json.loads(found[0]["Value"]) if found else None

    attributes = {"kind": {"DataType": "String", "StringValue": "order"}}
    published = sns.publish(TopicArn=topic, Subject="news", Message="hello", MessageAttributes=attributes)
    until(lambda: kept("/kept/message") is not None)
    record = next(SNSEvent(kept("/kept/message")).records)
    assert (record.event_source, record.event_version, record.event_subscription_arn) == (
        "aws:sns", "1.0", subscription,
    )  # fmt: skip
    message = record.sns
    assert (message.message, message.subject, message.message_id) == ("hello", "news", published["MessageId"])
    assert (message.topic_arn, message.get_type) == (topic, "Notification")
    assert message.message_attributes["kind"].value == "order"
    assert message.signing_cert_url
    assert message.unsubscribe_url

    ssm.put_parameter(Name="/watched", Value="v", Type="String")
    until(lambda: kept("/kept/event") is not None)
    event = EventBridgeEvent(kept("/kept/event"))
    assert (event.source, event.detail_type) == ("aws.ssm", "Parameter Store Change")
    assert (event.account, event.region, event.version) == (holdfast.account, "us-east-1", "0")
    assert event.resources == [f"arn:aws:ssm:us-east-1:{holdfast.account}:parameter/watched"]
    assert event.detail == {"operation": "Create", "name": "/watched", "type": "String"}
