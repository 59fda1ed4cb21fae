"""A ciphertext without a KeyId is opened with its key, whosever that is: its policy decides, and the caller's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.testing import Account, Server

from .refusals import refused


def _allow(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **statement}]})


def _records(account: Account) -> list[dict[str, Any]]:
    answer = account.server.control("SearchAudit", Account=account.account)
    return [json.loads(record["Record"]) for record in answer["Records"]]


def _user(account: Account, name: str, *actions: str) -> Any:
    """A client of a new user who may do these things with everything."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=_allow(Action=list(actions)))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Account(account.server, account.account, key["AccessKeyId"], key["SecretAccessKey"]).client("kms")


class Scene:
    """A key of one account, which lets another one in, and a ciphertext of it."""

    def __init__(self, owner: Account, friend: Account) -> None:
        self.owner = owner
        self.kms = owner.client("kms")
        key = self.kms.create_key()["KeyMetadata"]
        self.key_id, self.arn = key["KeyId"], key["Arn"]
        self.let_in(owner, friend)
        self.blob = self.kms.encrypt(KeyId=self.key_id, Plaintext=b"x")["CiphertextBlob"]

    def let_in(self, *accounts: Account) -> None:
        roots = {"AWS": [f"arn:aws:iam::{account.account}:root" for account in accounts]}
        self.kms.put_key_policy(KeyId=self.key_id, Policy=_allow(Principal=roots, Action="kms:*"))


@pytest.fixture
def friend(holdfast_session_server: Server) -> Iterator[Account]:
    account = holdfast_session_server.create_account()
    yield account
    account.close()


@pytest.fixture
def scene(holdfast: Account, friend: Account) -> Scene:
    return Scene(holdfast, friend)


def no_such_ciphertext(who: str, action: str) -> tuple[str, str]:
    return (
        "AccessDeniedException",
        f"User: {who} is not authorized to perform: kms:{action} on the resource associated with this ciphertext because the"
        " resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy"
        " explicitly denies access",
    )


def test_who_is_let_in_names_no_key_and_both_trails_have_it(scene: Scene, friend: Account) -> None:
    kms = friend.client("kms")
    opened = kms.decrypt(CiphertextBlob=scene.blob)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"x", scene.arn)
    own = kms.create_key()["KeyMetadata"]["Arn"]
    moved = kms.re_encrypt(CiphertextBlob=scene.blob, DestinationKeyId=own)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (scene.arn, own)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"x"
    for account in (scene.owner, friend):
        found = [r for r in _records(account) if scene.arn in json.dumps(r.get("resources", []))]
        names = [r["eventName"] for r in found if r["userIdentity"].get("accountId") == friend.account]
        assert sorted(names) == ["Decrypt", "ReEncrypt"]
        assert {r["recipientAccountId"] for r in found} == {account.account}


def test_states_count_once_one_is_let_in(scene: Scene, friend: Account) -> None:
    scene.kms.disable_key(KeyId=scene.key_id)
    assert refused(friend.client("kms").decrypt, CiphertextBlob=scene.blob) == (
        "DisabledException",
        f"{scene.arn} is disabled.",
    )


def test_both_sides_must_allow(scene: Scene, friend: Account) -> None:
    assert _user(friend, "may", "kms:Decrypt").decrypt(CiphertextBlob=scene.blob)["Plaintext"] == b"x"
    may_not = _user(friend, "may-not", "kms:Encrypt")
    assert refused(may_not.decrypt, CiphertextBlob=scene.blob) == (
        "AccessDeniedException",
        f"User: arn:aws:iam::{friend.account}:user/may-not is not authorized to perform: kms:Decrypt on resource: "
        f"{scene.arn} because no identity-based policy allows the kms:Decrypt action",
    )


def test_a_stranger_learns_nothing_not_even_from_the_own_trail(scene: Scene, friend: Account) -> None:
    """A key that exists and lets nobody in is as one that does not exist: answer and record."""
    scene.let_in(scene.owner)
    missing = scene.blob[:7] + bytes(16) + scene.blob[23:]
    root = f"arn:aws:iam::{friend.account}:root"
    kms = friend.client("kms")
    own = kms.create_key()["KeyMetadata"]["Arn"]
    for blob in (scene.blob, missing):
        assert refused(kms.decrypt, CiphertextBlob=blob) == no_such_ciphertext(root, "Decrypt")
        moved = refused(kms.re_encrypt, CiphertextBlob=blob, DestinationKeyId=own)
        assert moved == no_such_ciphertext(root, "ReEncryptFrom")
    cannot = _user(friend, "cannot", "kms:Encrypt")
    assert refused(cannot.decrypt, CiphertextBlob=scene.blob) == (
        no_such_ciphertext(f"arn:aws:iam::{friend.account}:user/cannot", "Decrypt")
    )
    denials = [record for record in _records(friend) if record.get("errorCode") == "AccessDenied"]
    assert len(denials) == 5
    assert scene.owner.account not in json.dumps(denials)
    assert not [record for record in _records(scene.owner) if record.get("errorCode") == "AccessDenied"]


def test_an_alias_of_another_account_is_on_record_as_it_was_named(scene: Scene, friend: Account) -> None:
    """Nor does the own trail say which key a stranger's alias stands for."""
    scene.let_in(scene.owner)
    scene.kms.create_alias(AliasName="alias/app", TargetKeyId=scene.key_id)
    alias = scene.arn.replace(f"key/{scene.key_id}", "alias/app")
    refused(friend.client("kms").encrypt, KeyId=alias, Plaintext=b"x")
    [denial] = [record for record in _records(friend) if record.get("errorCode") == "AccessDenied"]
    assert [resource["ARN"] for resource in denial["resources"]] == [alias]
