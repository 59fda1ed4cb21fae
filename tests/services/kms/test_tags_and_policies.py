"""Tags and key policies of a key, through boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.api import kms as api
from holdfast.testing import Account

from .conftest import House
from .refusals import refused


@pytest.fixture
def kms(holdfast: Account) -> Any:
    return holdfast.client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    return kms.create_key()["KeyMetadata"]["KeyId"]


def _tags(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in pairs.items()]


def test_the_life_of_tags(kms: Any) -> None:
    key_id = kms.create_key(Tags=_tags({"team": "a", "Team": "b"}))["KeyMetadata"]["KeyId"]
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == _tags({"Team": "b", "team": "a"})
    kms.tag_resource(KeyId=key_id, Tags=_tags({"team": "c", "empty": ""}))
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == _tags({"Team": "b", "empty": "", "team": "c"})
    kms.untag_resource(KeyId=key_id, TagKeys=["team", "never"])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == _tags({"Team": "b", "empty": ""})


def test_tags_that_are_refused(kms: Any, key_id: str) -> None:
    for tags, text in (
        ([*_tags({"a": "1"}), *_tags({"a": "2"})], "Duplicate tag keys"),
        (_tags({str(n): "x" for n in range(51)}), "Too many tags"),
        (_tags({"aws:a": "1"}), "Tags beginning with aws: are reserved"),
    ):
        assert refused(kms.create_key, Tags=tags) == ("TagException", text)
        assert refused(kms.tag_resource, KeyId=key_id, Tags=tags) == ("TagException", text)
    assert refused(kms.tag_resource, KeyId=key_id, Tags=_tags({"a": "x" * 257})) == (
        "ValidationException",
        f"1 validation error detected: Value '{'x' * 257}' at 'tags.1.member.tagValue' failed to satisfy constraint: "
        "Member must have length less than or equal to 256",
    )
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == []
    assert len(kms.list_keys()["Keys"]) == 1


def test_a_key_has_at_most_fifty_tags(house: House) -> None:
    fifty = [api.Tag(TagKey=str(n), TagValue="x") for n in range(50)]
    metadata = house.call(api.CreateKey, api.CreateKeyRequest(Tags=fifty)).KeyMetadata
    assert metadata is not None
    again = api.TagResourceRequest(KeyId=metadata.KeyId, Tags=[api.Tag(TagKey="7", TagValue="y")])
    house.call(api.TagResource, again)
    more = api.TagResourceRequest(KeyId=metadata.KeyId, Tags=[api.Tag(TagKey="more", TagValue="y")])
    assert house.error(api.TagResource, more).code == "LimitExceededException"


def test_paging_through_tags(kms: Any, key_id: str) -> None:
    pairs = {f"key-{number:02}": str(number) for number in range(50)}
    kms.tag_resource(KeyId=key_id, Tags=_tags(pairs))
    pages = list(kms.get_paginator("list_resource_tags").paginate(KeyId=key_id, PaginationConfig={"PageSize": 20}))
    assert [len(page["Tags"]) for page in pages] == [20, 20, 10]
    assert [tag for page in pages for tag in page["Tags"]] == _tags(pairs)
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    marker = pages[0]["NextMarker"]
    assert refused(kms.list_resource_tags, KeyId=other, Marker=marker)[0] == "InvalidMarkerException"


def _root(account: str) -> dict[str, Any]:
    return {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def test_the_default_policy(holdfast: Account, kms: Any, key_id: str) -> None:
    answer = kms.get_key_policy(KeyId=key_id)
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [_root(holdfast.account)],
    }
    assert kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"] == answer["Policy"]
    listed = kms.list_key_policies(KeyId=key_id)
    assert (listed["PolicyNames"], listed["Truncated"]) == (["default"], False)


def test_a_policy_comes_back_as_it_was_sent(holdfast: Account, kms: Any) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Id": "mine", "Statement": [_root(holdfast.account)]}, indent=3)
    key_id = kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
    assert kms.get_key_policy(KeyId=key_id)["Policy"] == policy
    other = policy.replace("mine", "ours")
    kms.put_key_policy(KeyId=key_id, Policy=other)
    assert kms.get_key_policy(KeyId=key_id)["Policy"] == other


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Effect": "Deny"}, "MalformedPolicyDocumentException"),
        ({"Principal": {"AWS": "arn:aws:iam::111111111111:root"}}, "MalformedPolicyDocumentException"),
        ({"Principal": {"AWS": "arn:aws:iam::111111111111:user/nobody"}}, "MalformedPolicyDocumentException"),
    ],
)
def test_a_policy_that_is_refused_is_not_stored(
    holdfast: Account, kms: Any, key_id: str, change: dict[str, Any], code: str
) -> None:
    before = kms.get_key_policy(KeyId=key_id)["Policy"]
    policy = json.dumps({"Statement": [_root(holdfast.account) | change]})
    assert refused(kms.create_key, Policy=policy)[0] == code
    assert refused(kms.put_key_policy, KeyId=key_id, Policy=policy)[0] == code
    assert kms.get_key_policy(KeyId=key_id)["Policy"] == before
    assert len(kms.list_keys()["Keys"]) == 1


def test_there_is_one_policy(holdfast: Account, kms: Any, key_id: str) -> None:
    no_such_policy = ("NotFoundException", "No such policy exists")
    policy = json.dumps({"Statement": [_root(holdfast.account)]})
    assert refused(kms.get_key_policy, KeyId=key_id, PolicyName="AWS_RAM") == no_such_policy
    assert refused(kms.put_key_policy, KeyId=key_id, PolicyName="other", Policy=policy) == no_such_policy
    assert refused(kms.list_key_policies, KeyId=key_id, Marker="x")[0] == "InvalidMarkerException"
