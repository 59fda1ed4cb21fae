"""A secret under a customer's key, read by somebody whom only a grant lets at the key: real clients, real users."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Account


def _clients(holdfast: Account, user: str, *services: str) -> list[Any]:
    key = holdfast.client("iam").create_access_key(UserName=user)["AccessKey"]
    return [
        boto3.client(
            service,
            endpoint_url=holdfast.endpoint_url,
            region_name=holdfast.region,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        for service in services
    ]


def test_a_grant_is_enough_to_read_a_secret_and_its_constraint_holds(holdfast: Account) -> None:
    iam, kms, secrets = (holdfast.client(service) for service in ("iam", "kms", "secretsmanager"))
    reader = iam.create_user(UserName="reader")["User"]["Arn"]
    allow = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=document)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    one, other = (
        secrets.create_secret(Name=name, SecretString=f"c4n4ry-{name}", KmsKeyId=key)["ARN"]
        for name in ("one", "other")
    )
    own, own_kms = _clients(holdfast, "reader", "secretsmanager", "kms")
    with pytest.raises(ClientError, match="Access to KMS is not allowed"):
        own.get_secret_value(SecretId=one)
    grant = kms.create_grant(
        KeyId=key,
        GranteePrincipal=reader,
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"SecretARN": one}},
    )
    assert own.get_secret_value(SecretId=one)["SecretString"] == "c4n4ry-one"
    with pytest.raises(ClientError, match="Access to KMS is not allowed"):
        own.get_secret_value(SecretId=other)
    via_service = {
        "Sid": "OnlyThroughParameterStore",
        "Effect": "Deny",
        "Principal": {"AWS": reader},
        "Action": "kms:*",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"kms:ViaService": f"ssm.{holdfast.region}.amazonaws.com"}},
    }
    before = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    denying = {**before, "Statement": [*before["Statement"], via_service]}
    kms.put_key_policy(KeyId=key, Policy=json.dumps(denying))
    with pytest.raises(ClientError, match="Access to KMS is not allowed"):
        own.get_secret_value(SecretId=one)
    kms.put_key_policy(KeyId=key, Policy=json.dumps(before))
    assert own.get_secret_value(SecretId=one)["SecretString"] == "c4n4ry-one"
    with pytest.raises(ClientError, match="AccessDenied"):
        own_kms.retire_grant(GrantToken=grant["GrantToken"])
    kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
    with pytest.raises(ClientError, match="Access to KMS is not allowed"):
        own.get_secret_value(SecretId=one)
