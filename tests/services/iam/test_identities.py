"""What the server reads to know a caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.api import iam as api
from holdfast.services.iam import identities, notes
from holdfast.services.iam.shapes import KEY_USED, ROLE_USED
from holdfast.services.iam.unique_ids import arn_of_unique_id, unique_id
from holdfast.store.sqlite import SqliteTransaction
from holdfast.store.statements import Statement

from .conftest import ACCOUNT, OTHER_ACCOUNT, START, House
from .documents import READ, TRUST, allowing

DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"


class Furnished:
    """A user with everything that can speak for it, in two groups, and a role."""

    def __init__(self, house: House) -> None:
        self.house = house
        call = house.call
        policy = call(api.CreatePolicy, api.CreatePolicyRequest(PolicyName="managed", PolicyDocument=READ)).Policy
        assert policy is not None
        self.managed = policy.Arn or ""
        tags = [api.Tag(Key="team", Value="a")]
        call(
            api.CreateUser,
            api.CreateUserRequest(UserName="Alice", Path="/x/", Tags=tags, PermissionsBoundary=self.managed),
        )
        call(
            api.PutUserPolicy,
            api.PutUserPolicyRequest(UserName="Alice", PolicyName="own", PolicyDocument=allowing("kms:Decrypt")),
        )
        call(api.AttachUserPolicy, api.AttachUserPolicyRequest(UserName="Alice", PolicyArn=DENY_ALL))
        for name in ("one", "two"):
            call(api.CreateGroup, api.CreateGroupRequest(GroupName=name))
            call(api.AddUserToGroup, api.AddUserToGroupRequest(GroupName=name, UserName="Alice"))
            call(api.AttachGroupPolicy, api.AttachGroupPolicyRequest(GroupName=name, PolicyArn=self.managed))
        call(
            api.PutGroupPolicy,
            api.PutGroupPolicyRequest(GroupName="two", PolicyName="inline", PolicyDocument=allowing("kms:Encrypt")),
        )
        call(
            api.CreateRole,
            api.CreateRoleRequest(RoleName="App", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=7200, Tags=tags),
        )
        call(api.AttachRolePolicy, api.AttachRolePolicyRequest(RoleName="App", PolicyArn=self.managed))

    def read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        with self.house.transaction(writable=False) as tx:
            return function(tx, *arguments)


@pytest.fixture
def furnished(house: House) -> Furnished:
    return Furnished(house)


def test_a_user_with_everything(furnished: Furnished) -> None:
    user = furnished.read(identities.identity_of_user, ACCOUNT, "aLICE")
    assert (user.name, user.arn) == ("Alice", f"arn:aws:iam::{ACCOUNT}:user/x/Alice")
    names = [policy.name for policy in user.policies]
    assert names == [
        "inline policy own on user/Alice",
        DENY_ALL,
        "inline policy inline on group/two",
        furnished.managed,
    ]
    assert user.policies[3].text == READ
    assert user.boundary == identities.PolicyText(furnished.managed, READ)
    assert user.tags == {"team": "a"}
    assert furnished.read(identities.identity_of_user, OTHER_ACCOUNT, "alice") is None


def test_a_role(furnished: Furnished) -> None:
    role = furnished.read(identities.identity_of_role, ACCOUNT, "app")
    assert (role.arn, role.maximum_session) == (f"arn:aws:iam::{ACCOUNT}:role/App", 7200)
    assert [policy.name for policy in role.policies] == [furnished.managed]
    assert (role.boundary, role.trust) == (None, identities.PolicyText("trust policy of role/App", TRUST))
    assert furnished.read(identities.identity_of_role, ACCOUNT, "nobody") is None


def test_a_new_default_version_is_what_the_policy_says(furnished: Furnished) -> None:
    other = allowing("ssm:DeleteParameter")
    furnished.house.call(
        api.CreatePolicyVersion,
        api.CreatePolicyVersionRequest(PolicyArn=furnished.managed, PolicyDocument=other, SetAsDefault=True),
    )
    assert furnished.read(identities.identity_of_role, ACCOUNT, "app").policies[0].text == other
    assert furnished.read(identities.managed_policy, ACCOUNT, furnished.managed).text == other
    assert furnished.read(identities.managed_policy, OTHER_ACCOUNT, furnished.managed) is None
    assert "Deny" in furnished.read(identities.managed_policy, OTHER_ACCOUNT, DENY_ALL).text


def test_a_policy_that_is_gone_is_an_error_and_never_left_out(furnished: Furnished) -> None:
    house = furnished.house
    with house.transaction(writable=True) as tx:
        tx.run(
            Statement("UPDATE iam_attachment SET policy_arn = 'arn:aws:iam::aws:policy/Gone' WHERE policy_arn = ?"),
            DENY_ALL,
        )
    with pytest.raises(KeyError):
        furnished.read(identities.identity_of_user, ACCOUNT, "alice")
    with house.transaction(writable=True) as tx:
        tx.execute("DELETE FROM iam_policy_version")
    with pytest.raises(RuntimeError):
        furnished.read(identities.identity_of_role, ACCOUNT, "app")


def test_unique_ids(furnished: Furnished) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:user/x/Alice"
    found = furnished.read(unique_id, arn)
    assert found.startswith("AIDA")
    assert furnished.read(arn_of_unique_id, found) == arn
    for other in (
        f"arn:aws:iam::{ACCOUNT}:user/Alice",
        f"arn:aws:iam::{ACCOUNT}:user/x/alice",
        f"arn:aws:iam::{OTHER_ACCOUNT}:user/x/Alice",
        f"arn:aws:iam::{ACCOUNT}:group/one",
        f"arn:aws:iam::{ACCOUNT}:root",
    ):
        assert furnished.read(unique_id, other) is None
    for other in ("AIDAAAAAAAAAAAAAAAAAA", "AGPAAAAAAAAAAAAAAAAAA", ""):
        assert furnished.read(arn_of_unique_id, other) is None


def test_a_user_costs_few_statements(furnished: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    for name in ("one", "all"):
        real = getattr(SqliteTransaction, name)

        def counting(self: SqliteTransaction, *arguments: Any, real: Any = real) -> Any:
            nonlocal counted
            counted += 1
            return real(self, *arguments)

        monkeypatch.setattr(SqliteTransaction, name, counting)
    furnished.read(identities.identity_of_user, ACCOUNT, "alice")
    assert counted == 6
    counted = 0
    furnished.read(identities.identity_of_role, ACCOUNT, "app")
    assert counted == 3


def test_last_use_only_moves_forward(furnished: Furnished) -> None:
    house = furnished.house
    made = house.call(api.CreateAccessKey, api.CreateAccessKeyRequest(UserName="Alice")).AccessKey
    assert made is not None
    key_id = made.AccessKeyId or ""
    role_id = furnished.read(identities.identity_of_role, ACCOUNT, "app").role_id
    with house.transaction(writable=True) as tx:
        for moment, region in ((START, "eu-west-1"), (START - 1, "us-east-1")):
            notes.access_key_used(tx, key_id, (moment, "ssm", region))
            notes.role_used(tx, (ACCOUNT, role_id), (moment, region))
    request = api.GetAccessKeyLastUsedRequest(AccessKeyId=key_id)
    used = house.call(api.GetAccessKeyLastUsed, request).AccessKeyLastUsed
    assert used == api.AccessKeyLastUsed(LastUsedDate=START / 1000, ServiceName="ssm", Region="eu-west-1")
    role = house.call(api.GetRole, api.GetRoleRequest(RoleName="app")).Role
    assert role is not None
    assert role.RoleLastUsed == api.RoleLastUsed(LastUsedDate=START / 1000, Region="eu-west-1")
    # What was noted a moment ago counts before it is written.
    house.pending = {
        (KEY_USED, key_id): (START + 5000, "kms", "eu-north-1"),
        (ROLE_USED, (ACCOUNT, role_id)): (START + 5000, "eu-north-1"),
    }
    used = house.call(api.GetAccessKeyLastUsed, request).AccessKeyLastUsed
    assert used == api.AccessKeyLastUsed(LastUsedDate=START / 1000 + 5, ServiceName="kms", Region="eu-north-1")
    role = house.call(api.GetRole, api.GetRoleRequest(RoleName="app")).Role
    assert role is not None
    assert role.RoleLastUsed == api.RoleLastUsed(LastUsedDate=START / 1000 + 5, Region="eu-north-1")
