"""Explain: a denial names its gap, and the statement put there lets the call pass or reach its next gap."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Server
from tests.services.holdfast.people import People, allow, denied, new_name, reads, trust
from tests.services.sts.conftest import session_client

READ = "secretsmanager:GetSecretValue"


def close(
    people: People,
    call: Any,
    *,
    kind: str,
    name: str,
    boundary: str = "",
    owner: People | None = None,
    most: int = 8,
) -> list[tuple[str, str]]:
    """Close gap after gap until the call passes; (action, where) of each. `owner`: whose resources they are."""
    closed: list[tuple[str, str]] = []
    while request_id := call():
        assert len(closed) < most, closed
        found = people.explain(request_id)
        gap = found["Gap"]
        assert found["Chain"][-1]["Outcome"] == "implicit-deny"
        assert (gap["Action"], gap["Resource"]) == (found["Chain"][-1]["Action"], found["Chain"][-1]["Resource"])
        closed.append((gap["Action"], gap["Where"]))
        holder = people if gap["Where"] in ("identity-policy", "permissions-boundary") else owner or people
        holder.put(gap["Where"], gap["Statement"], kind=kind, name=name, resource=gap["Resource"], boundary=boundary)
    return closed


def test_a_secret_under_the_accounts_own_key(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    name, credentials = people.user()
    client = people.client(credentials, "secretsmanager")
    assert close(people, lambda: reads(client, arn), kind="user", name=name) == [(READ, "identity-policy")]


def test_a_secret_under_a_customers_key_with_a_boundary(people: People) -> None:
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x", KmsKeyId=key)["ARN"]
    boundary = people.iam.create_policy(PolicyName=new_name("boundary"), PolicyDocument=allow("s3:GetObject"))[
        "Policy"
    ]["Arn"]
    name, credentials = people.user()
    people.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
    client = people.client(credentials, "secretsmanager")
    closed = close(people, lambda: reads(client, arn), kind="user", name=name, boundary=boundary)
    assert closed == [
        (READ, "identity-policy"),
        (READ, "permissions-boundary"),
        ("kms:Decrypt", "identity-policy"),
        ("kms:Decrypt", "permissions-boundary"),
    ]
    # The key was opened through Secrets Manager only.
    blob = people.keys.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    denied(people.client(credentials, "kms").decrypt, CiphertextBlob=blob, KeyId=key)


def test_a_key_whose_policy_names_few(people: People) -> None:
    root = {"AWS": f"arn:aws:iam::{people.account.account}:root"}
    only_root = {"ArnEquals": {"aws:PrincipalArn": root["AWS"]}}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*", "Condition": only_root}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = people.keys.create_key(Policy=policy)["KeyMetadata"]["Arn"]
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x", KmsKeyId=key)["ARN"]
    name, credentials = people.user(allow(READ, "kms:Decrypt"))
    client = people.client(credentials, "secretsmanager")
    request_id = reads(client, arn)
    found = people.explain(request_id)
    assert [check["Outcome"] for check in found["Chain"]] == ["allow", "implicit-deny"]
    assert found["Chain"][1]["Via"] == f"secretsmanager.{people.account.region}.amazonaws.com"
    assert json.loads(found["Gap"]["Statement"]) == {
        "Effect": "Allow",
        "Principal": {"AWS": people.arn("user", name)},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:ViaService": f"secretsmanager.{people.account.region}.amazonaws.com"}},
    }
    assert close(people, lambda: reads(client, arn), kind="user", name=name) == [("kms:Decrypt", "key-policy")]


def test_across_accounts_both_sides_are_named(people: People, strangers: People) -> None:
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x", KmsKeyId=key)["ARN"]
    name, credentials = strangers.user()
    client = strangers.client(credentials, "secretsmanager")
    closed = close(strangers, lambda: reads(client, arn), kind="user", name=name, owner=people)
    assert closed == [
        (READ, "identity-policy"),
        (READ, "resource-policy"),
        ("kms:Decrypt", "identity-policy"),
        ("kms:Decrypt", "key-policy"),
    ]


def test_both_gaps_of_one_check_are_told_at_once(people: People, strangers: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    _, credentials = strangers.user()
    found = strangers.explain(reads(strangers.client(credentials, "secretsmanager"), arn))
    assert found["Gap"]["Where"] == "identity-policy"
    assert [place["Where"] for place in found["Gap"]["Further"]] == ["resource-policy"]


def test_assuming_a_role(people: People) -> None:
    role = people.role(trust({"Service": "ec2.amazonaws.com"}))
    name, credentials = people.user()
    client = people.client(credentials, "sts")

    def assume() -> str:
        try:
            client.assume_role(RoleArn=role, RoleSessionName="session")
        except ClientError as error:
            return error.response["ResponseMetadata"]["RequestId"]
        return ""

    assert close(people, assume, kind="user", name=name) == [("sts:AssumeRole", "trust-policy")]


def test_a_sessions_policy_is_in_the_way(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    name, credentials = people.user(allow("sts:AssumeRole"))
    role = people.role(trust({"AWS": people.arn("user", name)}), allow(READ))
    sts = people.client(credentials, "sts")
    policy = json.loads(allow("ssm:GetParameter"))

    def session() -> Any:
        made = sts.assume_role(RoleArn=role, RoleSessionName="session", Policy=json.dumps(policy))
        return people.client(made["Credentials"], "secretsmanager")

    found = people.explain(reads(session(), arn))
    assert found["Gap"]["Where"] == "session-policy"
    policy["Statement"].append(json.loads(found["Gap"]["Statement"]))
    assert reads(session(), arn) == ""


def test_parameters_and_references_name_the_whole_chain(people: People) -> None:
    key = people.keys.create_key()["KeyMetadata"]["Arn"]
    secret = new_name("s")
    people.secrets.create_secret(Name=secret, SecretString="x", KmsKeyId=key)
    name, credentials = people.user()
    client = people.client(credentials, "ssm")

    def read() -> str:
        try:
            client.get_parameter(Name=f"/aws/reference/secretsmanager/{secret}", WithDecryption=True)
        except ClientError as error:
            return error.response["ResponseMetadata"]["RequestId"]
        return ""

    assert [action for action, _ in close(people, read, kind="user", name=name)] == [
        "ssm:GetParameter",
        READ,
        "kms:Decrypt",
    ]


def test_a_parameter_of_another_account(people: People, strangers: People) -> None:
    name = f"/{new_name('p')}"
    people.account.client("ssm").put_parameter(Name=name, Value="x", Type="String", Tier="Advanced")
    arn = f"arn:aws:ssm:{people.account.region}:{people.account.account}:parameter{name}"
    user, credentials = strangers.user()
    client = strangers.client(credentials, "ssm")

    def read() -> str:
        try:
            client.get_parameter(Name=arn)
        except ClientError as error:
            return error.response["ResponseMetadata"]["RequestId"]
        return ""

    assert close(strangers, read, kind="user", name=user, owner=people) == [
        ("ssm:GetParameter", "identity-policy"),
        ("ssm:GetParameter", "resource-policy"),
    ]


def test_an_explicit_deny_names_what_has_to_go(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    name, credentials = people.user(allow(READ))
    statements = [
        {"Sid": "Fine", "Effect": "Allow", "Action": READ, "Resource": "*"},
        {"Sid": "NotThis", "Effect": "Deny", "Action": "secretsmanager:*", "Resource": arn},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    policy = people.iam.create_policy(PolicyName=new_name("p"), PolicyDocument=document)["Policy"]["Arn"]
    people.iam.attach_user_policy(UserName=name, PolicyArn=policy)
    client = people.client(credentials, "secretsmanager")
    found = people.explain(reads(client, arn))
    assert found["Outcome"] == "explicit-deny"
    gap = found["Gap"]
    assert "Statement" not in gap
    assert (gap["Where"], gap["Remove"]["Policy"], gap["Remove"]["Sid"], gap["Remove"]["Index"]) == (
        "identity-policy",
        policy,
        "NotThis",
        1,
    )
    assert len(found["Chain"][0]["Matched"]) == 3
    people.iam.detach_user_policy(UserName=name, PolicyArn=policy)
    assert reads(client, arn) == ""


def test_a_write_that_was_denied(people: People) -> None:
    _, credentials = people.user()
    client = people.client(credentials, "secretsmanager")
    found = people.explain(denied(client.create_secret, Name=new_name("s"), SecretString="x"))
    assert (found["Outcome"], found["Gap"]["Action"]) == ("implicit-deny", "secretsmanager:CreateSecret")
    assert found["ErrorCode"] == "AccessDenied"


def test_a_batch_that_was_answered_without_one(people: People) -> None:
    seen = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    hidden = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    policy = json.loads(allow(READ, resource=seen))
    policy["Statement"].append({"Effect": "Allow", "Action": "secretsmanager:BatchGetSecretValue", "Resource": "*"})
    _, credentials = people.user(json.dumps(policy))
    answer = people.client(credentials, "secretsmanager").batch_get_secret_value(SecretIdList=[seen, hidden, seen])
    assert [error["SecretId"] for error in answer["Errors"]] == [hidden]
    found = people.explain(answer["ResponseMetadata"]["RequestId"])
    # In the order in which they were made: each secret's key after the secret.
    assert [(check["Action"].partition(":")[2], check["Outcome"]) for check in found["Chain"]] == [
        ("BatchGetSecretValue", "allow"),
        ("GetSecretValue", "allow"),
        ("Decrypt", "allow"),
        ("GetSecretValue", "implicit-deny"),
        ("GetSecretValue", "allow"),
        ("Decrypt", "allow"),
    ]
    assert (found["Answered"], found["Gap"]["Resource"]) == (True, hidden)


def test_what_was_allowed(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    request_id = people.secrets.get_secret_value(SecretId=arn)["ResponseMetadata"]["RequestId"]
    found = people.explain(request_id)
    assert (found["Outcome"], "Gap" in found) == ("allow", False)
    assert [(check["Action"], check["Outcome"]) for check in found["Chain"]] == [
        (READ, "allow"),
        ("kms:Decrypt", "allow"),
    ]
    assert found["Chain"][0]["Resource"] == arn


def test_what_failed_without_a_denial(people: People) -> None:
    with pytest.raises(ClientError) as caught:
        people.secrets.get_secret_value(SecretId="there-is-none")
    found = people.explain(caught.value.response["ResponseMetadata"]["RequestId"])
    assert (found["Outcome"], found["Chain"], "Gap" in found) == ("failed", [], False)
    assert found["ErrorCode"] == "ResourceNotFoundException"


def test_what_is_not_on_record(people: People) -> None:
    answer = people.ask(None, "Explain", RequestId="01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d")
    assert (answer.status, answer.error) == (400, "RequestNotFoundException")


def test_a_decision_stays_when_policies_change_and_the_server_is_killed(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        account = server.create_account()
        iam = account.client("iam")
        iam.create_user(UserName="alice")
        credentials = iam.create_access_key(UserName="alice")["AccessKey"]
        arn = account.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
        client = session_client(account, credentials, "secretsmanager")
        read, write = denied(client.get_secret_value, SecretId=arn), denied(client.delete_secret, SecretId=arn)
        client.close()
        before = server.control("Explain", RequestId=read)
        iam.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=allow("*"))
        assert server.control("Explain", RequestId=read) == before
        server.kill()
        server.start()
        assert server.control("Explain", RequestId=read) == before
        assert server.control("Explain", RequestId=write)["Gap"]["Action"] == "secretsmanager:DeleteSecret"


def test_explanations_go_with_the_records(tmp_path: Path) -> None:
    def kept() -> int:
        with sqlite3.connect(tmp_path / "data" / "holdfast.db") as database:
            (found,) = database.execute("SELECT COUNT(*) FROM access_denial").fetchone()
        database.close()
        return found

    with Server(tmp_path / "data", arguments=("--audit-retention-days", "10")) as server:
        account = server.create_account()
        iam = account.client("iam")
        iam.create_user(UserName="alice")
        credentials = iam.create_access_key(UserName="alice")["AccessKey"]
        client = session_client(account, credentials, "secretsmanager")
        old = denied(client.delete_secret, SecretId="s")
        server.advance(days=9)
        new = denied(client.delete_secret, SecretId="s")
        client.close()
        assert kept() == 2
        server.advance(days=3)
        assert kept() == 1
        assert server.control("Explain", RequestId=new)["Outcome"] == "implicit-deny"
        with pytest.raises(Exception, match="RequestNotFound"):
            server.control("Explain", RequestId=old)


def test_a_statement_that_failed_on_its_condition_is_named(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    office = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}}
    met = {"StringEquals": {"aws:ResourceAccount": people.account.account}}
    name, credentials = people.user(allow(READ, Sid="FromTheOffice", Condition={**office, **met}))
    found = people.explain(reads(people.client(credentials, "secretsmanager"), arn))
    (near,) = found["Chain"][-1]["NearMisses"]
    assert (near["Statement"]["Sid"], near["Statement"]["Index"]) == ("FromTheOffice", 0)
    assert near["Statement"]["Policy"].endswith(f"on user/{name}")
    assert near["Unmet"] == [
        {"Operator": "IpAddress", "Key": "aws:SourceIp", "Present": True},
        {"Operator": "Bool", "Key": "aws:MultiFactorAuthPresent", "Present": False},
    ]
    assert "203.0.113" not in str(found)
    assert not found.get("Redacted")


def test_a_trust_policy_that_wants_another_external_id(people: People) -> None:
    name, credentials = people.user(allow("sts:AssumeRole"))
    condition = {"StringEquals": {"sts:ExternalId": "unguessable"}}
    role = people.role(trust({"AWS": people.arn("user", name)}, Condition=condition))
    client = people.client(credentials, "sts")
    for given, present in (({}, False), ({"ExternalId": "guessed"}, True)):
        found = people.explain(denied(client.assume_role, RoleArn=role, RoleSessionName="session", **given))
        (near,) = found["Chain"][-1]["NearMisses"]
        assert near["Unmet"] == [{"Operator": "StringEquals", "Key": "sts:ExternalId", "Present": present}]
        assert "guess" not in str(found)


def test_what_is_about_something_else_is_no_near_miss(people: People) -> None:
    arn = people.secrets.create_secret(Name=new_name("s"), SecretString="x")["ARN"]
    never = {"StringEquals": {"aws:username": "nobody"}}
    name, credentials = people.user(allow(READ, resource=f"{arn}x", Condition=never))
    people.iam.put_user_policy(
        UserName=name, PolicyName="other", PolicyDocument=allow("secretsmanager:PutSecretValue", Condition=never)
    )
    found = people.explain(reads(people.client(credentials, "secretsmanager"), arn))
    assert "NearMisses" not in found["Chain"][-1]
