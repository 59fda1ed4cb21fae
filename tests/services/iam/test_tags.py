"""Tags of users, roles, policies and providers, through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account

from .conftest import Signing
from .documents import READ, TRUST, allowing
from .refusals import refused


def _tags(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


class Tagged:
    """A thing with tags."""

    def __init__(self, iam: Any, kind: str) -> None:
        self.iam = iam
        self.kind = kind
        if kind == "user":
            iam.create_user(UserName="mine")
            self.name = {"UserName": "mine"}
        elif kind == "role":
            iam.create_role(RoleName="mine", AssumeRolePolicyDocument=TRUST)
            self.name = {"RoleName": "mine"}
        elif kind == "policy":
            self.name = {"PolicyArn": iam.create_policy(PolicyName="mine", PolicyDocument=READ)["Policy"]["Arn"]}
        else:
            arn = iam.create_open_id_connect_provider(Url="https://id.example.org")["OpenIDConnectProviderArn"]
            self.name = {"OpenIDConnectProviderArn": arn}

    def tag(self, pairs: dict[str, str]) -> None:
        getattr(self.iam, f"tag_{self.kind}")(**self.name, Tags=_tags(pairs))

    def untag(self, *keys: str) -> None:
        getattr(self.iam, f"untag_{self.kind}")(**self.name, TagKeys=list(keys))

    def tags(self, **arguments: Any) -> dict[str, str]:
        answer = getattr(self.iam, f"list_{self.kind}_tags")(**self.name, **arguments)
        return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


@pytest.fixture(params=["user", "role", "policy", "open_id_connect_provider"])
def tagged(request: pytest.FixtureRequest, iam: Any) -> Tagged:
    return Tagged(iam, request.param)


def test_the_life_of_tags(tagged: Tagged) -> None:
    assert tagged.tags() == {}
    tagged.tag({"team": "a", "stage": "x", "empty": ""})
    tagged.tag({"team": "b"})
    assert tagged.tags() == {"empty": "", "stage": "x", "team": "b"}
    # One key, whatever its case: the newest spelling stays.
    tagged.tag({"Team": "c"})
    assert tagged.tags() == {"Team": "c", "empty": "", "stage": "x"}
    tagged.untag("TEAM", "never")
    assert tagged.tags() == {"empty": "", "stage": "x"}


def test_fifty_tags_are_enough(tagged: Tagged) -> None:
    tagged.tag({f"k{n:02}": "v" for n in range(50)})
    tagged.tag({"k07": "w"})
    assert refused(tagged.tag, pairs={"k50": "v"}) == (
        "LimitExceeded",
        "The number of tags has reached the maximum limit.",
    )
    pager = tagged.iam.get_paginator(f"list_{tagged.kind}_tags") if tagged.kind in ("user", "role") else None
    if pager is not None:
        pages = list(pager.paginate(**tagged.name, PaginationConfig={"PageSize": 20}))
        assert [len(page["Tags"]) for page in pages] == [20, 20, 10]
        assert sum(tag["Value"] == "w" for page in pages for tag in page["Tags"]) == 1


def test_tags_that_are_refused(tagged: Tagged, iam: Any) -> None:
    operation = getattr(iam, f"tag_{tagged.kind}")
    assert refused(operation, **tagged.name, Tags=[*_tags({"a": "1"}), *_tags({"A": "2"})]) == (
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    assert refused(operation, **tagged.name, Tags=_tags({"aws:a": "1"}))[0] == "InvalidInput"
    assert refused(operation, **tagged.name, Tags=_tags({"a": "x" * 257}))[0] == "ValidationError"
    assert refused(operation, **tagged.name, Tags=_tags({"a!": "x"}))[0] == "ValidationError"
    assert tagged.tags() == {}


def test_policies_look_at_tags(holdfast: Account, iam: Any, signing: Signing) -> None:
    iam.create_user(UserName="admin")
    iam.put_user_policy(
        UserName="admin",
        PolicyName="p",
        PolicyDocument=allowing("iam:*", Condition={"StringEquals": {"aws:ResourceTag/team": "a"}}),
    )
    iam.create_user(UserName="ours", Tags=_tags({"team": "a"}))
    iam.create_user(UserName="theirs", Tags=_tags({"team": "b"}))
    admin = signing(holdfast, iam.create_access_key(UserName="admin")["AccessKey"], "iam")
    assert admin.get_user(UserName="ours")["User"]["UserName"] == "ours"
    for name in ("theirs", "nobody"):
        assert refused(admin.get_user, UserName=name) == (
            "AccessDenied",
            f"User: arn:aws:iam::{holdfast.account}:user/admin is not authorized to perform: iam:GetUser on resource: "
            f"arn:aws:iam::{holdfast.account}:user/{name} because no identity-based policy allows the iam:GetUser action",
        )
