"""Resource policies of parameters: sharing with other accounts, and what those see and do not see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.testing.server import Account

from .refusals import refused

READ = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParameterHistory", "ssm:DescribeParameters"]


@pytest.fixture
def other(holdfast: Account) -> Iterator[Account]:
    account = holdfast.server.create_account()
    yield account
    account.close()


def arn_of(account: Account, path: str) -> str:
    return f"arn:aws:ssm:{account.region}:{account.account}:parameter{path}"


def policy(resource: str, principal: str, actions: list[str] | None = None, effect: str = "Allow") -> str:
    statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": actions or READ, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def share(account: Account, path: str, principal: str, actions: list[str] | None = None, **more: Any) -> dict[str, str]:
    arn = arn_of(account, path)
    text = policy(arn, principal, actions)
    return account.client("ssm").put_resource_policy(ResourceArn=arn, Policy=text, **more)


def advanced(account: Account, path: str, **more: Any) -> str:
    members = {"Name": path, "Value": "shared", "Type": "String", "Tier": "Advanced", **more}
    account.client("ssm").put_parameter(**members)
    return arn_of(account, path)


def test_a_shared_parameter_is_read_by_its_arn(holdfast: Account, other: Account) -> None:
    arn = advanced(holdfast, "/team/x")
    consumer = other.client("ssm")
    missing = refused(consumer.get_parameter, Name=arn_of(holdfast, "/team/y"))
    assert refused(consumer.get_parameter, Name=arn) == (missing[0], missing[1].replace("/team/y", "/team/x"))
    share(holdfast, "/team/x", other.account)
    found = consumer.get_parameter(Name=arn)["Parameter"]
    assert (found["Value"], found["ARN"], found["Version"]) == ("shared", arn, 1)
    assert [p["Value"] for p in consumer.get_parameters(Names=[arn, f"{arn}:1"])["Parameters"]] == ["shared"] * 2
    assert len(consumer.get_parameter_history(Name=arn)["Parameters"]) == 1
    assert refused(consumer.get_parameter, Name="/team/x")[0] == "ParameterNotFound", "by its whole ARN only"
    assert refused(consumer.get_parameter, Name=arn_of(holdfast, "/team/y")) == missing
    third = holdfast.server.create_account()
    assert refused(third.client("ssm").get_parameter, Name=arn)[0] == "AccessDeniedException"
    third.close()


def test_shared_parameters_are_listed(holdfast: Account, other: Account) -> None:
    consumer = other.client("ssm")
    for number in range(7):
        advanced(holdfast, f"/many/{number}", DataType="integer" if number == 3 else "text", Value=str(number))
        share(holdfast, f"/many/{number}", f"arn:aws:iam::{other.account}:root")
    advanced(holdfast, "/unlisted")
    share(holdfast, "/unlisted", other.account, ["ssm:GetParameter"])
    advanced(holdfast, "/unshared")
    assert consumer.describe_parameters()["Parameters"] == []
    found = consumer.describe_parameters(Shared=True)["Parameters"]
    assert [p["ARN"] for p in found] == [arn_of(holdfast, f"/many/{number}") for number in range(7)]
    pages = consumer.get_paginator("describe_parameters").paginate(Shared=True, PaginationConfig={"PageSize": 3})
    assert [p["Name"] for page in pages for p in page["Parameters"]] == [f"/many/{number}" for number in range(7)]
    chosen = [{"Key": "DataType", "Values": ["integer"]}]
    assert [p["Name"] for p in consumer.describe_parameters(Shared=True, ParameterFilters=chosen)["Parameters"]] == [
        "/many/3"
    ]
    owner = holdfast.client("ssm")
    assert owner.describe_parameters(Shared=True)["Parameters"] == []
    owner.delete_parameter(Name="/many/0")
    assert len(consumer.describe_parameters(Shared=True)["Parameters"]) == 6


def test_a_policy_is_replaced_and_deleted_by_its_hash(holdfast: Account, other: Account) -> None:
    owner, arn = holdfast.client("ssm"), advanced(holdfast, "/n")
    assert owner.get_resource_policies(ResourceArn=arn)["Policies"] == []
    first = share(holdfast, "/n", other.account)
    shown = owner.get_resource_policies(ResourceArn=arn)["Policies"]
    assert [(p["PolicyId"], p["PolicyHash"]) for p in shown] == [(first["PolicyId"], first["PolicyHash"])]
    assert json.loads(shown[0]["Policy"]) == json.loads(policy(arn, other.account))
    text = policy(arn, other.account, ["ssm:DescribeParameters"])
    assert refused(owner.put_resource_policy, ResourceArn=arn, Policy=text)[0] == "ResourcePolicyLimitExceededException"
    wrong = {"PolicyId": first["PolicyId"], "PolicyHash": "0" * 64}
    assert (
        refused(owner.put_resource_policy, ResourceArn=arn, Policy=text, **wrong)[0]
        == "ResourcePolicyConflictException"
    )
    assert refused(owner.delete_resource_policy, ResourceArn=arn, **wrong)[0] == "ResourcePolicyConflictException"
    unknown = {**wrong, "PolicyId": "00000000-0000-4000-8000-000000000000"}
    assert refused(owner.delete_resource_policy, ResourceArn=arn, **unknown)[0] == "ResourcePolicyNotFoundException"
    current = {"PolicyId": first["PolicyId"], "PolicyHash": first["PolicyHash"]}
    second = owner.put_resource_policy(ResourceArn=arn, Policy=text, **current)
    assert second["PolicyId"] == first["PolicyId"]
    assert refused(other.client("ssm").get_parameter, Name=arn)[0] == "AccessDeniedException"
    assert refused(owner.delete_resource_policy, ResourceArn=arn, **current)[0] == "ResourcePolicyConflictException"
    owner.delete_resource_policy(ResourceArn=arn, PolicyId=second["PolicyId"], PolicyHash=second["PolicyHash"])
    assert owner.get_resource_policies(ResourceArn=arn)["Policies"] == []
    assert other.client("ssm").describe_parameters(Shared=True)["Parameters"] == []


def test_what_cannot_be_shared(holdfast: Account, other: Account) -> None:
    owner, arn = holdfast.client("ssm"), advanced(holdfast, "/n")

    def put(resource: str, text: str) -> str:
        return refused(owner.put_resource_policy, ResourceArn=resource, Policy=text)[0]

    owner.put_parameter(Name="/standard", Value="v", Type="String")
    standard = arn_of(holdfast, "/standard")
    assert put(standard, policy(standard, other.account)) == "ResourcePolicyInvalidParameterException"
    missing = arn_of(holdfast, "/missing")
    assert put(missing, policy(missing, other.account)) == "ResourceNotFoundException"
    for text in (
        "no policy",
        policy(arn, other.account, ["ssm:PutParameter"]),
        policy(arn, other.account, ["ssm:*"]),
        policy(standard, other.account),
        policy("*", other.account),
        policy(arn, f"arn:aws:iam::{other.account}:user/nobody"),
    ):
        assert put(arn, text) == "MalformedResourcePolicyDocumentException"
    assert put(arn, policy(arn, other.account).replace('"Allow"', " " * 1024 + '"Allow"')).startswith(
        "ResourcePolicyLimit"
    )
    stranger = other.client("ssm")
    for operation in (stranger.get_resource_policies, stranger.put_resource_policy):
        more = {"Policy": "{}"} if operation == stranger.put_resource_policy else {}
        assert refused(operation, ResourceArn=arn, **more)[0] == "AccessDeniedException"


def test_a_shared_secure_string_needs_its_key_shared_too(holdfast: Account, other: Account) -> None:
    kms = holdfast.client("kms")
    key = kms.create_key()["KeyMetadata"]
    arn = advanced(holdfast, "/s", Type="SecureString", KeyId=key["KeyId"])
    share(holdfast, "/s", other.account)
    consumer = other.client("ssm")
    assert consumer.get_parameter(Name=arn)["Parameter"]["Type"] == "SecureString"
    assert refused(consumer.get_parameter, Name=arn, WithDecryption=True)[0] == "AccessDeniedException"
    document = json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"])
    document["Statement"].append(
        {"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": "kms:Decrypt", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(document))
    assert consumer.get_parameter(Name=arn, WithDecryption=True)["Parameter"]["Value"] == "shared"


def test_a_deny_holds_at_home_too(holdfast: Account) -> None:
    owner, arn = holdfast.client("ssm"), advanced(holdfast, "/n")
    owner.put_resource_policy(ResourceArn=arn, Policy=policy(arn, holdfast.account, ["ssm:GetParameter"], "Deny"))
    assert refused(owner.get_parameter, Name="/n")[0] == "AccessDeniedException"
    assert owner.get_parameters(Names=["/n"])["Parameters"]
