"""Who was it: records of users, role sessions and callers of other accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.session import Session
from botocore.exceptions import ClientError

from holdfast.testing import Account, Server


def _records(account: Account, request_id: str) -> list[dict[str, Any]]:
    answer = account.server.control("SearchAudit", Account=account.account, RequestId=request_id)
    return [json.loads(record["Record"]) for record in answer["Records"]]


def _allow(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _client(account: Account, service: str, credentials: dict[str, str]) -> Any:
    create: Any = Session().client
    return create(
        service,
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )


def _session(account: Account, policy: str) -> dict[str, str]:
    """Credentials of a role that a user took on, with a source identity."""
    iam = account.client("iam")
    user = iam.create_user(UserName="person")["User"]["Arn"]
    key = iam.create_access_key(UserName="person")["AccessKey"]
    trust = _allow(Principal={"AWS": user}, Action=["sts:AssumeRole", "sts:SetSourceIdentity"])
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=policy)
    sts = _client(account, "sts", key)
    answer = sts.assume_role(RoleArn=role, RoleSessionName="night", SourceIdentity="alice")["Credentials"]
    sts.close()
    return answer


def test_a_denied_session_and_the_call_on_its_behalf(holdfast: Account) -> None:
    key = holdfast.client("kms").create_key()["KeyMetadata"]["Arn"]
    holdfast.client("secretsmanager").create_secret(Name="a", SecretString="x", KmsKeyId=key)
    credentials = _session(holdfast, _allow(Action="secretsmanager:GetSecretValue", Resource="*"))
    secrets = _client(holdfast, "secretsmanager", credentials)
    with pytest.raises(ClientError) as refused:
        secrets.get_secret_value(SecretId="a")
    secrets.close()
    found = _records(holdfast, refused.value.response["ResponseMetadata"]["RequestId"])
    assert [(r["eventName"], r["errorCode"]) for r in found] == [
        ("GetSecretValue", "AccessDenied"),
        ("Decrypt", "AccessDenied"),
    ]
    for record in found:
        identity = record["userIdentity"]
        assert identity["type"] == "AssumedRole"
        assert identity["arn"] == f"arn:aws:sts::{holdfast.account}:assumed-role/reader/night"
        assert identity["accessKeyId"] == credentials["AccessKeyId"]
        context = identity["sessionContext"]
        assert context["sourceIdentity"] == "alice"
        assert context["attributes"]["mfaAuthenticated"] == "false"
        issuer = context["sessionIssuer"]
        assert (issuer["type"], issuer["userName"]) == ("Role", "reader")
        assert issuer["arn"] == f"arn:aws:iam::{holdfast.account}:role/reader"
        assert issuer["principalId"] == identity["principalId"].partition(":")[0]
    assert found[1]["userIdentity"]["invokedBy"] == "secretsmanager.amazonaws.com"


def test_both_accounts_have_the_record_of_a_call_across_them(holdfast_session_server: Server) -> None:
    owner, caller = holdfast_session_server.create_account(), holdfast_session_server.create_account()
    kms, secrets = owner.client("kms"), owner.client("secretsmanager")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    arn = secrets.create_secret(Name="shared", SecretString="x", KmsKeyId=key)["ARN"]
    root = f"arn:aws:iam::{caller.account}:root"
    reads = _allow(Principal={"AWS": root}, Action="secretsmanager:GetSecretValue", Resource="*")
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=reads)
    both = [f"arn:aws:iam::{owner.account}:root", root]
    kms.put_key_policy(KeyId=key, Policy=_allow(Principal={"AWS": both}, Action="kms:*", Resource="*"))

    answer = caller.client("secretsmanager").get_secret_value(SecretId=arn)
    assert answer["SecretString"] == "x"
    request_id = answer["ResponseMetadata"]["RequestId"]
    theirs, ours = _records(caller, request_id), _records(owner, request_id)
    assert [r["eventName"] for r in theirs] == [r["eventName"] for r in ours] == ["GetSecretValue", "Decrypt"]
    for one, other in zip(theirs, ours, strict=True):
        assert (one["recipientAccountId"], other["recipientAccountId"]) == (caller.account, owner.account)
        assert one["sharedEventID"] == other["sharedEventID"]
        assert one["eventID"] != other["eventID"]
        assert one["userIdentity"]["accountId"] == other["userIdentity"]["accountId"] == caller.account
    for account in (owner, caller):
        account.close()
