"""Condition keys of requests: policies that compare tags, and those about parameters."""

from __future__ import annotations

import json
from typing import Any

import boto3

from holdfast.testing import Account

from .conftest import ONE_TRY
from .refusals import refused

PROJECT = "access-project"
OWN = {"StringEquals": {f"aws:ResourceTag/{PROJECT}": f"${{aws:PrincipalTag/{PROJECT}}}"}}
ALLOW_ALL = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}


def user(holdfast: Account, name: str, *statements: dict[str, Any]) -> Any:
    """A client of a user of the project "peg" who has one policy."""
    iam = holdfast.client("iam")
    iam.create_user(UserName=name, Tags=[{"Key": PROJECT, "Value": "peg"}])
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        "secretsmanager",
        endpoint_url=holdfast.endpoint_url,
        region_name=holdfast.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=ONE_TRY,
    )


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("_", "-"), "Value": value} for key, value in given.items()]


def test_who_may_what_is_tagged_like_them_may_create_it_so(holdfast: Account) -> None:
    """The policy of AWS's tutorial on attribute-based access: secretsmanager:* where resource and principal agree."""
    known = {"ForAllValues:StringEquals": {"aws:TagKeys": [PROJECT, "Name"]}}
    request = {"StringEqualsIfExists": {f"aws:RequestTag/{PROJECT}": f"${{aws:PrincipalTag/{PROJECT}}}"}}
    own = user(holdfast, "peg", {**ALLOW_ALL, "Condition": {**OWN, **known, **request}})
    own.create_secret(Name="mine", SecretString="x", Tags=tags(access_project="peg", Name="n"))
    assert own.get_secret_value(SecretId="mine")["SecretString"] == "x"
    for name, given in (
        ("without", {}),
        ("theirs", {"access_project": "uni"}),
        ("more", {"access_project": "peg", "other": "x"}),
    ):
        code, text = refused(own.create_secret, Name=name, SecretString="x", Tags=tags(**given))
        assert code == "AccessDeniedException"
        assert f"secretsmanager:CreateSecret on resource: {name}" in text
    assert [each["Name"] for each in holdfast.client("secretsmanager").list_secrets()["SecretList"]] == ["mine"]


def test_the_services_own_key_of_a_tag(holdfast: Account) -> None:
    key = f"secretsmanager:ResourceTag/{PROJECT}"
    own = user(holdfast, "peg", {**ALLOW_ALL, "Condition": {"StringEquals": {key: "peg"}}})
    own.create_secret(Name="mine", Tags=tags(access_project="peg"))
    assert refused(own.create_secret, Name="other", Tags=tags(access_project="Peg"))[0] == "AccessDeniedException"


def test_overwriting_a_replica_is_a_key_when_it_was_sent(holdfast: Account) -> None:
    condition = {"Bool": {"secretsmanager:ForceOverwriteReplicaSecret": "true"}}
    own = user(holdfast, "peg", ALLOW_ALL, {**ALLOW_ALL, "Effect": "Deny", "Condition": condition})
    own.create_secret(Name="a")
    own.create_secret(Name="b", ForceOverwriteReplicaSecret=False)
    code, text = refused(own.create_secret, Name="c", ForceOverwriteReplicaSecret=True)
    assert code == "AccessDeniedException"
    assert "with an explicit deny" in text


def test_regions_to_replicate_to_are_a_key_when_they_were_sent(holdfast: Account) -> None:
    condition = {"ForAnyValue:StringEquals": {"secretsmanager:AddReplicaRegions": "eu-west-1"}}
    own = user(holdfast, "peg", ALLOW_ALL, {**ALLOW_ALL, "Effect": "Deny", "Condition": condition})
    own.create_secret(Name="a")
    regions = [{"Region": "eu-west-2"}, {"Region": "eu-west-1"}]
    assert refused(own.create_secret, Name="b", AddReplicaRegions=regions)[0] == "AccessDeniedException"
    assert refused(own.create_secret, Name="b", AddReplicaRegions=regions[:1])[0] == "NotImplementedException"


def test_one_label_of_a_new_version_is_one_value(holdfast: Account) -> None:
    """VersionStage is of the type String: StringEquals and StringNotEquals hold for the one label that is sent."""
    secrets = holdfast.client("secretsmanager")
    secrets.create_secret(Name="s", SecretString="x")
    key = "secretsmanager:VersionStage"
    only = user(holdfast, "only", {**ALLOW_ALL, "Condition": {"StringEquals": {key: "AWSPENDING"}}})
    put = only.put_secret_value(SecretId="s", SecretString="y", VersionStages=["AWSPENDING", "AWSPENDING"])
    assert put["VersionStages"] == ["AWSPENDING"]
    for labels in ({}, {"VersionStages": ["AWSCURRENT"]}, {"VersionStages": ["AWSPENDING", "AWSCURRENT"]}):
        code, _ = refused(only.put_secret_value, SecretId="s", SecretString="z", **labels)
        assert code == "AccessDeniedException"
    deny = {**ALLOW_ALL, "Effect": "Deny", "Condition": {"StringEquals": {key: "AWSCURRENT"}}}
    other = user(holdfast, "other", ALLOW_ALL, deny)
    other.put_secret_value(SecretId="s", SecretString="z", VersionStages=["AWSPENDING"])
    assert refused(other.put_secret_value, SecretId="s", SecretString="z", VersionStages=["AWSCURRENT"])[0] == (
        "AccessDeniedException"
    )
    anyone = {**ALLOW_ALL, "Effect": "Deny", "Condition": {"ForAnyValue:StringEquals": {key: "AWSCURRENT"}}}
    third = user(holdfast, "third", ALLOW_ALL, anyone)
    for given in (["AWSCURRENT"], ["AWSPENDING", "AWSCURRENT"]):
        code, _ = refused(third.put_secret_value, SecretId="s", SecretString="z", VersionStages=given)
        assert code == "AccessDeniedException"
