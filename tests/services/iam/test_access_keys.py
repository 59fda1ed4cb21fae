"""Access keys, through boto3 and in the tables."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.api import iam as api
from holdfast.testing import Account, Server

from .conftest import ACCOUNT, House, Signing
from .documents import allowing
from .refusals import refused


def test_the_life_of_a_key(holdfast: Account, iam: Any, signing: Signing) -> None:
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key["AccessKeyId"])
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", key["SecretAccessKey"])
    assert (key["UserName"], key["Status"]) == ("alice", "Active")
    sts = signing(holdfast, key, "sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{holdfast.account}:user/alice"
    metadata = {name: key[name] for name in ("UserName", "AccessKeyId", "Status", "CreateDate")}
    assert iam.list_access_keys(UserName="alice")["AccessKeyMetadata"] == [metadata]

    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert iam.list_access_keys(UserName="alice")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    iam.update_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()

    iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    assert refused(iam.delete_access_key, UserName="alice", AccessKeyId=key["AccessKeyId"]) == (
        "NoSuchEntity",
        f"The Access Key with id {key['AccessKeyId']} cannot be found.",
    )


def test_two_keys_are_enough(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_access_key(UserName="alice")
    iam.create_access_key(UserName="alice")
    assert refused(iam.create_access_key, UserName="alice") == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )


def test_the_root_users_own_keys(holdfast: Account, iam: Any, signing: Signing) -> None:
    key = iam.create_access_key()["AccessKey"]
    assert "UserName" not in key
    assert signing(holdfast, key, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{holdfast.account}:root"
    ids = {found["AccessKeyId"] for found in iam.list_access_keys()["AccessKeyMetadata"]}
    assert ids == {holdfast.access_key_id, key["AccessKeyId"]}
    assert refused(iam.create_access_key)[0] == "LimitExceeded"
    iam.update_access_key(AccessKeyId=key["AccessKeyId"], Status="Inactive")
    iam.delete_access_key(AccessKeyId=key["AccessKeyId"])
    assert len(iam.list_access_keys()["AccessKeyMetadata"]) == 1


def test_a_user_and_its_own_keys(holdfast: Account, iam: Any, signing: Signing) -> None:
    iam.create_user(UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="keys", PolicyDocument=allowing("iam:*AccessKey*"))
    own = signing(holdfast, iam.create_access_key(UserName="alice")["AccessKey"], "iam")
    second = own.create_access_key()["AccessKey"]
    assert second["UserName"] == "alice"
    assert len(own.list_access_keys()["AccessKeyMetadata"]) == 2
    own.delete_access_key(AccessKeyId=second["AccessKeyId"])


def test_keys_of_somebody_else_are_not_there(iam: Any) -> None:
    for name in ("alice", "bob"):
        iam.create_user(UserName=name)
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    for call, more in ((iam.delete_access_key, {}), (iam.update_access_key, {"Status": "Inactive"})):
        assert refused(call, UserName="bob", AccessKeyId=key, **more)[0] == "NoSuchEntity"
    assert refused(iam.create_access_key, UserName="carol") == (
        "NoSuchEntity",
        "The user with name carol cannot be found.",
    )
    assert refused(iam.update_access_key, UserName="alice", AccessKeyId=key, Status="Expired")[0] == "InvalidInput"


def test_keys_of_another_account_are_not_there(holdfast_session_server: Server, iam: Any) -> None:
    other = holdfast_session_server.create_account()
    assert refused(iam.get_access_key_last_used, AccessKeyId=other.access_key_id)[0] == "NoSuchEntity"
    assert refused(iam.delete_access_key, AccessKeyId=other.access_key_id)[0] == "NoSuchEntity"
    other.close()


def test_last_used(holdfast_server: Server, signing: Signing) -> None:
    account = holdfast_server.create_account()
    iam = account.client("iam")
    iam.create_user(UserName="alice")
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    unused = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert unused["UserName"] == "alice"
    assert unused["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    signing(account, key, "sts").get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sts", account.region)
    assert abs((used["LastUsedDate"] - holdfast_server.now()).total_seconds()) < 60
    account.close()


def test_the_secret_is_stored_sealed_only(house: House) -> None:
    house.call(api.CreateUser, api.CreateUserRequest(UserName="alice"))
    answer = house.call(api.CreateAccessKey, api.CreateAccessKeyRequest(UserName="alice"))
    assert answer.AccessKey is not None
    secret = answer.AccessKey.SecretAccessKey or ""
    rows = house.rows("SELECT * FROM access_key WHERE account = ? AND user_name = 'alice'", ACCOUNT)
    assert len(rows) == 1
    assert all(secret.encode() not in (v if isinstance(v, bytes) else str(v).encode()) for v in rows[0])
    assert "SecretAccessKey" in type(answer.AccessKey).SENSITIVE
