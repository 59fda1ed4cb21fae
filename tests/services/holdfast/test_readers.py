"""Knowing why is permissioned: what an explanation shows to whom, and what it never shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Server
from tests.services.holdfast.people import People, allow, denied, new_name, reads, trust

READ = "secretsmanager:GetSecretValue"
PLANTED = "PlantedSidNobodyMaySee"


def statements(found: dict[str, Any]) -> list[str]:
    return [matched["Policy"] for check in found["Chain"] for matched in check["Matched"]]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Scene:
    """A user who is denied a secret's key, with a planted Sid in each policy that took part."""

    def __init__(self, people: People, *more: dict[str, Any]) -> None:
        self.people = people
        root = {"AWS": f"arn:aws:iam::{people.account.account}:root"}
        allowing = {"Sid": PLANTED, "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
        self.key = people.keys.create_key(Policy=policy(allowing))["KeyMetadata"]["Arn"]
        self.name, self.credentials = people.user()
        own = {"Sid": PLANTED, "Effect": "Allow", "Action": READ, "Resource": "*"}
        people.iam.put_user_policy(UserName=self.name, PolicyName="inline", PolicyDocument=policy(own, *more))
        self.managed = people.iam.create_policy(PolicyName=new_name("p"), PolicyDocument=policy(own))["Policy"]["Arn"]
        people.iam.attach_user_policy(UserName=self.name, PolicyArn=self.managed)
        self.group = new_name("group")
        people.iam.create_group(GroupName=self.group, Path="/teams/")
        people.iam.put_group_policy(GroupName=self.group, PolicyName="shared", PolicyDocument=policy(own))
        people.iam.add_user_to_group(GroupName=self.group, UserName=self.name)
        self.secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x", KmsKeyId=self.key)["ARN"]
        anybody = {"Sid": PLANTED, "Effect": "Allow", "Principal": root, "Action": READ, "Resource": "*"}
        people.secrets.put_resource_policy(SecretId=self.secret, ResourcePolicy=policy(anybody))
        self.request_id = reads(people.client(self.credentials, "secretsmanager"), self.secret)
        assert self.request_id

    def seen_by(self, credentials: dict[str, Any] | None) -> dict[str, Any]:
        return self.people.explain(self.request_id, credentials)


EXPLAIN = {"Effect": "Allow", "Action": "holdfast:Explain", "Resource": "*"}


def test_who_may_not_explain_learns_nothing(people: People) -> None:
    scene = Scene(people)
    answer = people.ask(scene.credentials, "Explain", RequestId=scene.request_id)
    assert answer.error == "AccessDeniedException"
    missing = people.ask(scene.credentials, "Explain", RequestId="there-is-none")
    assert (missing.error, missing.body) == (answer.error, answer.body)


def test_the_caller_sees_its_gap_and_no_policies(people: People) -> None:
    scene = Scene(people, EXPLAIN)
    found = scene.seen_by(scene.credentials)
    assert PLANTED not in json.dumps(found)
    assert statements(found) == []
    assert found["Redacted"] is True
    assert [check["Outcome"] for check in found["Chain"]] == ["allow", "implicit-deny"]
    assert (found["Gap"]["Action"], found["Gap"]["Where"]) == ("kms:Decrypt", "identity-policy")
    assert json.loads(found["Gap"]["Statement"])["Resource"] == scene.key


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("iam:GetUserPolicy", "inline policy inline on user/"),
        ("iam:GetGroupPolicy", "inline policy shared on group/"),
        ("iam:GetPolicyVersion", "arn:aws:iam::"),
        ("secretsmanager:GetResourcePolicy", "resource policy of the secret"),
        ("kms:GetKeyPolicy", "key policy"),
    ],
)
def test_the_caller_sees_the_policies_that_it_may_read(people: People, action: str, kind: str) -> None:
    scene = Scene(people, EXPLAIN, {"Effect": "Allow", "Action": action, "Resource": "*"})
    found = scene.seen_by(scene.credentials)
    shown = statements(found)
    assert shown
    assert all(each.startswith(kind) for each in shown), shown
    assert found["Redacted"] is True


def test_who_may_read_all_of_it_sees_all_of_it(people: People) -> None:
    actions = ["iam:Get*", "secretsmanager:GetResourcePolicy", "kms:GetKeyPolicy"]
    scene = Scene(people, EXPLAIN, {"Effect": "Allow", "Action": actions, "Resource": "*"})
    whole = scene.seen_by(None)
    assert len(statements(whole)) == 5
    assert "Redacted" not in whole
    assert scene.seen_by(scene.credentials) == whole


def test_another_ones_request(people: People) -> None:
    scene = Scene(people)
    _, curious = people.user(policy(EXPLAIN))
    found = scene.seen_by(curious)
    assert PLANTED not in json.dumps(found)
    assert found["Gap"] == {"Action": "kms:Decrypt", "Resource": scene.key}
    assert found["Redacted"] is True
    listing = {"Effect": "Allow", "Action": "iam:List*", "Resource": people.arn("user", scene.name)}
    _, auditor = people.user(policy(EXPLAIN, listing))
    found = scene.seen_by(auditor)
    assert found["Gap"]["Where"] == "identity-policy"
    assert statements(found) == []


def test_a_denial_in_a_policy_that_may_not_be_read(people: People) -> None:
    secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    name, credentials = people.user(policy(EXPLAIN, {"Effect": "Allow", "Action": READ, "Resource": "*"}))
    deny = {
        "Sid": PLANTED,
        "Effect": "Deny",
        "Principal": {"AWS": people.arn("user", name)},
        "Action": READ,
        "Resource": "*",
    }
    people.secrets.put_resource_policy(SecretId=secret, ResourcePolicy=policy(deny))
    request_id = reads(people.client(credentials, "secretsmanager"), secret)
    found = people.explain(request_id, credentials)
    assert (found["Outcome"], found["Gap"]["Where"]) == ("explicit-deny", "resource-policy")
    assert "Remove" not in found["Gap"]
    assert PLANTED not in json.dumps(found)
    assert people.explain(request_id)["Gap"]["Remove"]["Sid"] == PLANTED


def test_requests_of_another_account_are_not_there(people: People, strangers: People) -> None:
    scene = Scene(people)
    answer = strangers.ask(None, "Explain", RequestId=scene.request_id)
    assert answer.error == "RequestNotFoundException"
    allowed = people.secrets.list_secrets()["ResponseMetadata"]["RequestId"]
    assert strangers.ask(None, "Explain", RequestId=allowed).error == "RequestNotFoundException"


def test_the_operator_sees_everything(people: People, holdfast_session_server: Server) -> None:
    scene = Scene(people)
    found = holdfast_session_server.control("Explain", RequestId=scene.request_id)
    assert found == scene.seen_by(None)


def test_another_accounts_secret_is_as_if_it_were_not(
    people: People, strangers: People, holdfast_session_server: Server
) -> None:
    """Neither whether a secret exists nor what its policy says may be told to a stranger."""
    name, credentials = strangers.user(allow(READ))
    named = {"AWS": strangers.arn("user", name)}
    of_nobody = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    denying = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    deny = {"Sid": PLANTED, "Effect": "Deny", "Principal": named, "Action": READ, "Resource": "*"}
    people.secrets.put_resource_policy(SecretId=denying, ResourcePolicy=policy(deny))
    missing = f"{of_nobody[:-6]}ABCDEF"
    client = strangers.client(credentials, "secretsmanager")
    told: list[str] = []
    for secret in (of_nobody, denying, missing):
        request_id = reads(client, secret)
        found = strangers.explain(request_id)
        assert found.pop("RequestId") == request_id
        told.append(json.dumps(found).replace(secret, "SECRET"))
    assert told[0] == told[1] == told[2]
    assert PLANTED not in told[0]
    assert '"Where": "resource-policy"' in told[0]
    # Who owns the data directory may know.
    request_id = reads(client, denying)
    assert holdfast_session_server.control("Explain", RequestId=request_id)["Outcome"] == "explicit-deny"


def test_another_accounts_key_is_as_if_it_were_not(people: People, strangers: People) -> None:
    _, credentials = strangers.user(allow("kms:Decrypt", "kms:Encrypt"))
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    alias = f"alias/{new_name('k')}"
    people.keys.create_alias(AliasName=alias, TargetKeyId=key)
    place = key.partition(":key/")[0]
    client = strangers.client(credentials, "kms")
    told: list[str] = []
    for named in (key, f"{place}:key/01234567-89ab-cdef-0123-456789abcdef", f"{place}:{alias}", f"{place}:alias/none"):
        found = strangers.explain(denied(client.encrypt, KeyId=named, Plaintext=b"x"))
        found.pop("RequestId")
        told.append(json.dumps(found).replace(named, "KEY"))
    assert len(set(told)) == 1
    assert '"Where": "key-policy"' in told[0]


def test_another_accounts_ciphertext_is_as_if_its_key_were_not(people: People, strangers: People) -> None:
    _, credentials = strangers.user(allow("kms:Decrypt"))
    key = people.keys.create_key()["KeyMetadata"]["KeyId"]
    blob = people.keys.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    missing = blob[:7] + bytes(16) + blob[23:]
    client = strangers.client(credentials, "kms")
    told: list[str] = []
    for ciphertext in (blob, missing):
        found = strangers.explain(denied(client.decrypt, CiphertextBlob=ciphertext))
        found.pop("RequestId")
        told.append(json.dumps(found).replace(key, "KEY").replace("00000000-0000-0000-0000-000000000000", "KEY"))
    assert told[0] == told[1]
    assert '"Where": "key-policy"' in told[0]


def test_what_no_statement_helps(people: People, strangers: People) -> None:
    """ "Cross-account use: No" (KMS API reference): a denial whatever policies say."""
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    found = strangers.explain(denied(strangers.keys.schedule_key_deletion, KeyId=key))
    assert (found["Outcome"], found["Gap"]["Where"]) == ("implicit-deny", "key-policy")
    assert "Statement" not in found["Gap"]


def test_explaining_leaves_no_denial_behind(people: People) -> None:
    """A policy that was tried and may not be read is on record, and is no denial of the reader's call."""
    scene = Scene(people, EXPLAIN)
    answer = people.ask(scene.credentials, "Explain", RequestId=scene.request_id)
    found = people.explain(answer.request_id)
    assert found["Outcome"] == "allow"


def test_another_accounts_tags_are_not_told(people: People, strangers: People) -> None:
    """A policy of the caller's own that asks for a tag must not become a way to see whether it is there."""
    tagged = {"StringEquals": {"aws:ResourceTag/team": "web"}}
    _, credentials = strangers.user(allow(READ, "kms:Encrypt", "sts:AssumeRole", "ssm:GetParameter", Condition=tagged))
    tags = [{"Key": "team", "Value": "web"}]
    secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x", Tags=tags)["ARN"]
    key = people.keys.create_key(Tags=[{"TagKey": "team", "TagValue": "web"}])["KeyMetadata"]["Arn"]
    role = people.role(trust({"Service": "ec2.amazonaws.com"}), Tags=tags)
    name = f"/{new_name('p')}"
    people.account.client("ssm").put_parameter(Name=name, Value="x", Type="String", Tags=tags)
    parameter = f"arn:aws:ssm:{people.account.region}:{people.account.account}:parameter{name}"
    requests = (
        reads(strangers.client(credentials, "secretsmanager"), secret),
        denied(strangers.client(credentials, "kms").encrypt, KeyId=key, Plaintext=b"x"),
        denied(strangers.client(credentials, "sts").assume_role, RoleArn=role, RoleSessionName="session"),
        denied(strangers.client(credentials, "ssm").get_parameter, Name=parameter),
    )
    places = ("resource-policy", "key-policy", "trust-policy", "resource-policy")
    for request_id, place in zip(requests, places, strict=True):
        found = strangers.explain(request_id)
        assert found["Chain"][0]["Matched"] == []
        assert found["Gap"]["Where"] == "identity-policy"
        assert [further["Where"] for further in found["Gap"]["Further"]] == [place]


def test_what_nearly_allowed_is_shown_to_who_may_read_it(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    never = {"StringEquals": {"aws:username": "nobody"}}
    explain = json.loads(allow("holdfast:Explain"))["Statement"]
    (nearly,) = json.loads(allow("secretsmanager:GetSecretValue", Condition=never))["Statement"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [*explain, nearly]})
    _, credentials = people.user(policy)
    request_id = denied(people.client(credentials, "secretsmanager").get_secret_value, SecretId=arn)
    assert "NearMisses" in people.explain(request_id)["Chain"][-1]
    blind = people.ask(credentials, "Explain", RequestId=request_id).body
    assert "NearMisses" not in blind["Chain"][-1]
    assert blind["Redacted"] is True


@pytest.mark.parametrize("let", [False, True], ids=["may not read the bus", "may read the bus"])
def test_the_policy_of_an_event_bus(people: People, *, let: bool) -> None:
    name, credentials = people.user(
        allow("events:PutEvents", "holdfast:Explain", *(["events:DescribeEventBus"] if let else []))
    )
    events = people.account.client("events")
    bus = new_name("bus")
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    denying = {"Sid": PLANTED, "Effect": "Deny", "Principal": {"AWS": people.arn("user", name)}, "Action": "events:PutEvents",
               "Resource": arn}  # fmt: skip
    events.put_permission(EventBusName=bus, Policy=policy(denying))
    entry = {"Source": "app", "DetailType": "t", "Detail": "{}", "EventBusName": bus}
    request_id = denied(people.client(credentials, "events").put_events, Entries=[entry])
    found = people.explain(request_id, credentials)
    assert ("resource policy of the event bus" in statements(found)) is let
    assert (PLANTED in json.dumps(found)) is let
