"""Can: what would be decided is what is decided. WhoCan: everybody for whom it would, and nobody else."""

from __future__ import annotations

import itertools
import json
from random import Random
from typing import Any

import pytest

from holdfast.testing import Server
from tests.services.holdfast.people import People, allow, denied, new_name, reads, trust

READ = "secretsmanager:GetSecretValue"


def can(people: People, principal: str, action: str, resource: str, **more: Any) -> dict[str, Any]:
    answer = people.ask(
        more.pop("credentials", None), "Can", Principal=principal, Action=action, Resource=resource, **more
    )
    assert answer.status == 200, answer
    return answer.body


def who(people: People, action: str, resource: str, **more: Any) -> dict[str, dict[str, Any]]:
    answer = people.ask(more.pop("credentials", None), "WhoCan", Action=action, Resource=resource, **more)
    assert answer.status == 200, answer
    found = {each["Principal"]: each for each in answer.body["Answers"]}
    assert len(found) == len(answer.body["Answers"])
    return found


def statement(random: Random, people: People, arns: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Effect": random.choice(["Allow", "Allow", "Allow", "Deny"]),
        "Action": random.choice([READ, "secretsmanager:*", "kms:Decrypt", "kms:*", "*"]),
        "Resource": random.choice(["*", *arns]),
    }
    if random.random() < 0.3:
        found["Condition"] = {
            random.choice(["StringEquals", "StringNotEquals"]): {
                "kms:ViaService": f"secretsmanager.{people.account.region}.amazonaws.com"
            }
        }
    return found


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_can_and_who_can_agree_with_the_calls(people: People) -> None:
    random = Random(20_261_127)
    root = {"AWS": f"arn:aws:iam::{people.account.account}:root"}
    users = [people.user() for _ in range(6)]
    names = [name for name, _ in users]
    own = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    key = people.keys.create_key(Policy=document(own))["KeyMetadata"]["Arn"]
    secrets = [
        people.secrets.create_secret(Name=new_name("s"), SecretString="x", **options)["ARN"]
        for options in ({}, {"KmsKeyId": key})
    ]
    for name in names:
        statements = [statement(random, people, [*secrets, key]) for _ in range(3)]
        people.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    named = {**statement(random, people, []), "Principal": {"AWS": people.arn("user", names[0])}}
    people.secrets.put_resource_policy(SecretId=secrets[0], ResourcePolicy=document(named))
    outcomes: set[str] = set()
    for (name, credentials), secret in itertools.product(users, secrets):
        request_id = reads(people.client(credentials, "secretsmanager"), secret)
        asked = can(people, f"user/{name}", READ, secret)
        outcomes.add(asked["Outcome"])
        if request_id:
            decided = people.explain(request_id)
            assert {key: decided.get(key) for key in ("Outcome", "Chain", "Gap")} == {
                key: asked.get(key) for key in ("Outcome", "Chain", "Gap")
            }
        else:
            assert asked["Outcome"] == "allow"
        assert (people.arn("user", name) in who(people, READ, secret)) is not bool(request_id)
    assert outcomes == {"allow", "implicit-deny", "explicit-deny"}


def test_can_by_every_kind_of_name(people: People) -> None:
    people.iam.create_user(UserName=(name := new_name("user")), Path="/team/a/")
    role = people.role(trust({"Service": "ec2.amazonaws.com"}), allow("ssm:GetParameter"))
    account = people.account.account
    for principal in (f"user/{name}", f"user/team/a/{name}", f"arn:aws:iam::{account}:user/team/a/{name}"):
        assert can(people, principal, "ssm:GetParameter", "/a")["Chain"][0]["Principal"].endswith(f"/team/a/{name}")
    session = f"arn:aws:sts::{account}:assumed-role/{role.rpartition('/')[2]}/me"
    for principal in (role, f"role/{role.rpartition('/')[2]}", session):
        assert can(people, principal, "ssm:GetParameter", "/a")["Outcome"] == "allow"
    for principal in ("root", account, f"arn:aws:iam::{account}:root"):
        assert can(people, principal, "iam:CreateUser", "*")["Outcome"] == "allow"
    found = can(people, "lambda.amazonaws.com", "ssm:GetParameter", "/a")
    assert found["Chain"][0]["Resource"] == f"arn:aws:ssm:{people.account.region}:{account}:parameter/a"
    assert found["Outcome"] == "implicit-deny"
    for principal in ("user/nobody", "nobody", f"arn:aws:iam::{account}:user/{name}"):
        answer = people.ask(None, "Can", Principal=principal, Action="ssm:GetParameter", Resource="/a")
        assert answer.error == "NoSuchPrincipalException"


def test_can_with_context(people: People) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "web", "kms:EncryptionContext:app": "shop"}}
    name, _ = people.user(allow("kms:Decrypt", Condition=condition))
    people.iam.tag_user(UserName=name, Tags=[{"Key": "team", "Value": "web"}])
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    alias = f"alias/{new_name('k')}"
    people.keys.create_alias(AliasName=alias, TargetKeyId=key)
    assert can(people, f"user/{name}", "kms:Decrypt", alias)["Outcome"] == "implicit-deny"
    given = [{"Key": "kms:EncryptionContext:app", "Values": ["shop"]}]
    found = can(people, f"user/{name}", "kms:Decrypt", alias, Context=given)
    assert (found["Outcome"], found["Chain"][0]["Resource"]) == ("allow", key)
    twice = people.ask(
        None, "Can", Principal=f"user/{name}", Action="kms:Decrypt", Resource=alias, Context=[*given, *given]
    )
    assert twice.error == "ValidationException"


def test_a_parameter_needs_its_key_too(people: People) -> None:
    key = people.keys.create_key()["KeyMetadata"]["KeyId"]
    name = f"/{new_name('p')}"
    people.account.client("ssm").put_parameter(Name=name, Value="x", Type="SecureString", KeyId=key)
    user, _ = people.user(allow("ssm:GetParameter"))
    found = can(people, f"user/{user}", "ssm:GetParameter", name)
    assert [(check["Action"], check["Outcome"]) for check in found["Chain"]] == [
        ("ssm:GetParameter", "allow"),
        ("kms:Decrypt", "implicit-deny"),
    ]
    assert found["Gap"]["Where"] == "identity-policy"


@pytest.mark.parametrize(("kind", "outcome"), [("*", "allow"), ("parameter/*", "implicit-deny")])
def test_describing_parameters_is_about_everything_in_the_account(people: People, kind: str, outcome: str) -> None:
    everything = f"arn:aws:ssm:{people.account.region}:{people.account.account}:"
    user, credentials = people.user()
    described = {"Effect": "Allow", "Action": "ssm:DescribeParameters", "Resource": everything + kind}
    people.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document(described))
    found = can(people, f"user/{user}", "ssm:DescribeParameters", "*")
    assert (found["Outcome"], found["Chain"][0]["Resource"]) == (outcome, f"{everything}*")
    describe = people.client(credentials, "ssm").describe_parameters
    if outcome == "allow":
        describe()
    else:
        denied(describe)


def test_who_can_through_groups_roles_and_roles_of_roles(fresh: People) -> None:
    people = fresh
    secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    group = new_name("group")
    people.iam.create_group(GroupName=group)
    people.iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=allow(READ, resource=secret))
    member, _ = people.user()
    people.iam.add_user_to_group(GroupName=group, UserName=member)
    user, _ = people.user()
    lonely, _ = people.user(allow("sts:AssumeRole"))
    outer = people.role(trust({"AWS": people.arn("user", user)}))
    inner = people.role(trust({"AWS": outer}), allow(READ, resource=secret))
    # A circle must not be walked for ever.
    people.iam.update_assume_role_policy(
        RoleName=outer.rpartition("/")[2], PolicyDocument=trust({"AWS": [people.arn("user", user), inner]})
    )
    found = who(people, READ, secret)
    root = f"arn:aws:iam::{people.account.account}:root"
    assert found.keys() == {root, people.arn("user", member), inner, outer, people.arn("user", user)}
    assert people.arn("user", lonely) not in found
    assert "Roles" not in found[inner]
    assert found[outer]["Roles"] == [inner]
    assert found[people.arn("user", user)]["Roles"] == [outer, inner]
    assert [check["Action"] for check in found[people.arn("user", user)]["Path"]] == [
        "sts:AssumeRole",
        "sts:AssumeRole",
        READ,
        "kms:Decrypt",
    ]
    matched = found[people.arn("user", member)]["Path"][0]["Matched"]
    assert [each["Policy"] for each in matched] == [f"inline policy p on group/{group}"]


def test_who_can_names_other_accounts(people: People, strangers: People) -> None:
    secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    people.secrets.update_secret(SecretId=secret, KmsKeyId=key)
    name, _ = strangers.user()
    other = f"arn:aws:iam::{strangers.account.account}:root"
    named = {"Effect": "Allow", "Principal": {"AWS": [other, strangers.arn("user", name)]}, "Action": READ}
    policy = document({**named, "Resource": "*"})
    people.secrets.put_resource_policy(SecretId=secret, ResourcePolicy=policy)
    assert other not in who(people, READ, secret), "the key's policy does not let them in"
    found = json.loads(people.keys.get_key_policy(KeyId=key)["Policy"])
    found["Statement"].append({**named, "Action": "kms:Decrypt", "Resource": "*"})
    people.keys.put_key_policy(KeyId=key, Policy=json.dumps(found))
    answers = who(people, READ, secret)
    assert answers[other]["OwnPolicies"] is True
    assert answers[strangers.arn("user", name)]["OwnPolicies"] is True
    shown = [
        matched["Policy"] for check in answers[strangers.arn("user", name)]["Path"] for matched in check["Matched"]
    ]
    assert shown == ["resource policy of the secret", "key policy"]


def test_who_can_assume_a_role(people: People) -> None:
    name, _ = people.user()
    role = people.role(trust({"AWS": people.arn("user", name), "Service": "ec2.amazonaws.com"}))
    assert who(people, "sts:AssumeRole", role).keys() == {people.arn("user", name), "ec2.amazonaws.com"}


def test_the_root_user_may_not_assume_a_role(people: People) -> None:
    role = people.role(trust({"AWS": people.account.account}))
    found = can(people, "root", "sts:AssumeRole", role)
    assert (found["Outcome"], found["Gap"]["Where"], "Statement" in found["Gap"]) == (
        "implicit-deny",
        "trust-policy",
        False,
    )
    assert f"arn:aws:iam::{people.account.account}:root" not in who(people, "sts:AssumeRole", role)


def test_asking_is_an_action_and_about_the_own_account(people: People, strangers: People) -> None:
    secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    name, nobody = people.user(allow(READ, Sid="Planted"))
    for operation, members in (("Can", {"Principal": f"user/{name}"}), ("WhoCan", {})):
        answer = people.ask(nobody, operation, Action=READ, Resource=secret, **members)
        assert answer.error == "AccessDeniedException"
        elsewhere = dict.fromkeys(members, "root")
        foreign = strangers.ask(None, operation, Action=READ, Resource=secret, **elsewhere)
        assert foreign.error == "AccessDeniedException"
        assert "only the operator may" in json.dumps(foreign.body)
    answer = strangers.ask(None, "Can", Principal=people.arn("user", name), Action=READ, Resource="s")
    assert answer.error == "AccessDeniedException"
    _, curious = people.user(allow("holdfast:Can", "holdfast:WhoCan"))
    found = can(people, f"user/{name}", READ, secret, credentials=curious)
    assert (found["Outcome"], found["Redacted"], found["Chain"][0]["Matched"]) == ("allow", True, [])
    assert "Planted" not in json.dumps(who(people, READ, secret, credentials=curious))


def test_the_operator_asks_about_any_account(people: People, holdfast_session_server: Server) -> None:
    secret = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    name, _ = people.user(allow(READ))
    control = holdfast_session_server.control
    principal = people.arn("user", name)
    assert control("Can", Principal=principal, Action=READ, Resource=secret)["Outcome"] == "allow"
    answers = control("WhoCan", Action=READ, Resource=secret)["Answers"]
    assert principal in {each["Principal"] for each in answers}


def test_asking_changes_nothing(people: People) -> None:
    """No key is made for a question, and nothing is denied by one."""
    name, credentials = people.user(allow("holdfast:Can"))
    before = people.keys.list_aliases()["Aliases"]
    can(people, f"user/{name}", "kms:Decrypt", "alias/aws/ssm", credentials=credentials)
    assert people.keys.list_aliases()["Aliases"] == before
    denied(people.client(credentials, "kms").list_keys)


@pytest.mark.parametrize("action", ["GetSecretValue", "secretsmanager:", "secretsmanager:Get*"])
def test_an_action_is_whole(people: People, action: str) -> None:
    answer = people.ask(None, "Can", Principal="root", Action=action, Resource="*")
    assert answer.error == "ValidationException"


def test_grants_count(people: People, strangers: People) -> None:
    """A grant lets in whom the key's policy does not know; who may list grants sees which."""
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    name, _ = people.user()
    stranger, _ = strangers.user()
    grants: dict[str, str] = {}
    for grantee in (people.arn("user", name), strangers.arn("user", stranger)):
        granted = people.keys.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"])
        grants[grantee] = f"grant {granted['GrantId']}"
    found = can(people, f"user/{name}", "kms:Decrypt", key)
    assert found["Outcome"] == "allow"
    assert grants[people.arn("user", name)] in [each["Policy"] for each in found["Chain"][0]["Matched"]]
    assert can(people, f"user/{name}", "kms:Encrypt", key)["Outcome"] == "implicit-deny"
    answers = who(people, "kms:Decrypt", key)
    for grantee, grant in grants.items():
        assert grant in [each["Policy"] for each in answers[grantee]["Path"][0]["Matched"]]
    _, curious = people.user(allow("holdfast:Can"))
    assert can(people, f"user/{name}", "kms:Decrypt", key, credentials=curious)["Chain"][0]["Matched"] == []
    _, auditor = people.user(allow("holdfast:Can", "kms:ListGrants"))
    shown = can(people, f"user/{name}", "kms:Decrypt", key, credentials=auditor)["Chain"][0]["Matched"]
    assert [each["Policy"] for each in shown] == [grants[people.arn("user", name)]]


def test_the_policy_of_an_event_bus_counts(people: People) -> None:
    events = people.account.client("events")
    bus = new_name("bus")
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    name, credentials = people.user()
    client = people.client(credentials, "events")
    entry = {"Source": "app", "DetailType": "t", "Detail": "{}", "EventBusName": bus}
    action = "events:PutEvents"
    denied(client.put_events, Entries=[entry])
    assert can(people, f"user/{name}", action, arn)["Outcome"] != "allow"
    allowing = {"Effect": "Allow", "Principal": {"AWS": people.arn("user", name)}, "Action": action, "Resource": arn}
    events.put_permission(EventBusName=bus, Policy=document(allowing))
    assert client.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert can(people, f"user/{name}", action, arn)["Outcome"] == "allow"
    assert people.arn("user", name) in who(people, action, arn)
