"""API destinations as targets: what arrives at a real receiver, with which authorization, and what its answers mean."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

from holdfast.testing import Account, Server
from tests.canaries import canary
from tests.services.events.conftest import Receiver, Reply, Request, destination, put, role, rule, trust
from tests.services.lambda_.refusals import refused
from tests.services.sts.conftest import allow


def to(account: Account, receiver: Receiver, **target: Any) -> str:
    """A rule that calls the receiver."""
    options = {key: target.pop(key) for key in list(target) if key in (
        "AuthorizationType", "AuthParameters", "HttpMethod", "InvocationRateLimitPerSecond", "Endpoint",
    )}  # fmt: skip
    url = receiver.url + options.pop("Endpoint", "/hook")
    return rule(account, {"Id": "t", "Arn": destination(account, url, **options), "RoleArn": role(account), **target})


def test_the_event_arrives_as_json(account: Account, receiver: Receiver) -> None:
    to(account, receiver)
    event_id = put(account, {"n": 1, "text": "ü"}, Resources=["arn:aws:s3:::b"])
    got = receiver.next()
    assert (got.method, got.path) == ("POST", "/hook")
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert got.headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
    assert got.headers["authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()
    event = got.json
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0", "id": event_id, "detail-type": "test", "source": "app", "account": account.account,
        "region": "us-east-1", "resources": ["arn:aws:s3:::b"], "detail": {"n": 1, "text": "ü"},
    }  # fmt: skip


def test_parameters_of_the_target_and_of_the_connection(account: Account, receiver: Receiver) -> None:
    secret, key = canary("query"), canary("key")
    to(
        account,
        receiver,
        Endpoint="/users/*/items/*?fixed=1",
        AuthorizationType="API_KEY",
        AuthParameters={
            "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": key},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Both", "Value": "connection"}],
                "QueryStringParameters": [{"Key": "token", "Value": secret, "IsValueSecret": True}],
                "BodyParameters": [{"Key": "more", "Value": "of it"}],
            },
        },
        HttpParameters={
            "PathParameterValues": ["$.detail.user", "all"],
            "HeaderParameters": {"x-both": "target", "X-Kind": "$.detail-type"},
            "QueryStringParameters": {"n": "$.detail.n"},
        },
        InputPath="$.detail",
    )
    put(account, {"user": "a/../b ?", "n": 5})
    got = receiver.next()
    path, _, query = got.path.partition("?")
    assert path == "/users/a%2F..%2Fb%20%3F/items/all"
    assert parse_qs(query) == {"fixed": ["1"], "n": ["5"], "token": [secret]}
    assert got.headers["x-both"] == "connection"
    assert got.headers["x-kind"] == "test"
    assert got.headers["x-key"] == key
    assert got.json == {"user": "a/../b ?", "n": 5, "more": "of it"}


def test_an_oauth_token_is_fetched_kept_and_fetched_anew(account: Account, receiver: Receiver) -> None:
    secret = canary("client")
    tokens: list[Request] = []

    def answer(request: Request) -> Reply | None:
        if request.path != "/token":
            return None
        tokens.append(request)
        body = {"access_token": f"token-{len(tokens)}", "expires_in": 3600}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    receiver.special = answer
    to(
        account,
        receiver,
        AuthorizationType="OAUTH_CLIENT_CREDENTIALS",
        AuthParameters={
            "OAuthParameters": {
                "ClientParameters": {"ClientID": "me", "ClientSecret": secret},
                "AuthorizationEndpoint": f"{receiver.url}/token",
                "HttpMethod": "POST",
                "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]},
            }
        },
    )
    put(account)
    assert receiver.next().headers["authorization"] == "Bearer token-1"
    put(account)
    assert receiver.next().headers["authorization"] == "Bearer token-1"
    receiver.replies.put((401, {}, b"expired"))
    put(account)
    assert receiver.next().headers["authorization"] == "Bearer token-1"
    assert receiver.next().headers["authorization"] == "Bearer token-2"
    assert parse_qs(tokens[0].body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["me"], "client_secret": [secret], "scope": ["all"],
    }  # fmt: skip
    assert len(tokens) == 2


def test_what_may_help_is_tried_again(account: Account, receiver: Receiver, delivering: Server) -> None:
    to(account, receiver)
    receiver.replies.put((503, {}, b""))
    receiver.replies.put((429, {"Retry-After": "120"}, b""))
    event_id = put(account)
    first = receiver.next()
    delivering.advance(minutes=1)
    assert receiver.next().json["id"] == event_id
    delivering.advance(minutes=1)
    assert receiver.nothing()
    delivering.advance(minutes=2)
    assert receiver.next().body == first.body


def test_a_role_that_may_not_call_is_no_way_in(account: Account, receiver: Receiver) -> None:
    dead = Receiver()
    to(account, receiver, DeadLetterConfig={"Arn": f"{dead.url}/123456789012/dead"})
    account.client("iam").delete_role_policy(RoleName="caller", PolicyName="own")
    first = put(account)
    assert json.loads(dead.next().json["MessageBody"])["id"] == first
    dead.close()
    account.client("iam").put_role_policy(
        RoleName="caller",
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": "*"}]}),
    )  # fmt: skip
    second = put(account)
    assert receiver.next().json["id"] == second


def test_a_rules_role_is_that_of_targets_without_one(account: Account, receiver: Receiver) -> None:
    events = account.client("events")
    arn = destination(account, receiver.url)
    events.put_rule(Name="r", EventPattern='{"source": ["app"]}')
    assert refused(events.put_targets, Rule="r", Targets=[{"Id": "t", "Arn": arn}])[0] == "ValidationException"
    rule(account, {"Id": "t", "Arn": arn}, RoleArn=role(account))
    put(account, {"n": 1})
    assert receiver.next().json["detail"] == {"n": 1}


def test_whoever_adds_a_target_with_the_rules_role_may_give_it(account: Account, receiver: Receiver) -> None:
    arn = destination(account, receiver.url)
    rule(account, {"Id": "t", "Arn": arn}, RoleArn=role(account))
    iam = account.client("iam")
    iam.create_user(UserName="adder")
    iam.put_user_policy(UserName="adder", PolicyName="own", PolicyDocument=allow("events:PutTargets"))
    key = iam.create_access_key(UserName="adder")["AccessKey"]
    user = Account(account.server, account.account, key["AccessKeyId"], key["SecretAccessKey"])
    adder = user.client("events")
    code, text, _ = refused(adder.put_targets, Rule="r", Targets=[{"Id": "t", "Arn": arn}])
    assert (code, "iam:PassRole" in text) == ("AccessDeniedException", True)
    queue = {"Id": "q", "Arn": f"{receiver.url}/123456789012/q"}
    assert adder.put_targets(Rule="r", Targets=[queue])["FailedEntryCount"] == 0
    iam.put_user_policy(UserName="adder", PolicyName="more", PolicyDocument=allow("iam:PassRole"))
    assert adder.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn}])["FailedEntryCount"] == 0
    user.close()


def test_roles_that_may_not_be_given(account: Account) -> None:
    events, iam = account.client("events"), account.client("iam")
    iam.create_role(RoleName="closed", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    for name in ("closed", "none"):
        arn = f"arn:aws:iam::{account.account}:role/{name}"
        code, text, _ = refused(events.put_rule, Name="r", EventPattern='{"source": ["app"]}', RoleArn=arn)
        assert code == "ValidationException"
        assert text == f"Provided role '{arn}' cannot be assumed by principal 'events.amazonaws.com'."


def test_a_connection_that_is_not_authorized_any_more(account: Account, receiver: Receiver) -> None:
    dead = Receiver()
    queue = {"Arn": f"{dead.url}/123456789012/dead"}
    to(account, receiver, DeadLetterConfig=queue)
    events = account.client("events")
    for change, code in (
        (events.deauthorize_connection, "NO_PERMISSIONS"),
        (events.delete_connection, "NO_RESOURCE"),
        (events.delete_api_destination, "NO_RESOURCE"),
    ):
        change(Name="d")
        put(account)
        message = dead.next().json
        assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == code
    assert receiver.nothing()
    dead.close()
