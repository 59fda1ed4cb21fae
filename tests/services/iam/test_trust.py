"""Whom a trust policy names: users and roles by unique id, shown by today's ARN; through boto3 and the engine."""

from __future__ import annotations

import json
from typing import Any

from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.policy import PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.request import AccessRequest
from holdfast.api import iam as api
from holdfast.services.iam.identities import identity_of_role
from holdfast.testing import Account, Server

from .conftest import ACCOUNT, House
from .documents import TRUST, allowing, trusting
from .refusals import refused


def _shown(iam: Any) -> Any:
    return iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]


def test_who_is_deleted_shows_as_an_id_and_never_comes_back(holdfast: Account, iam: Any) -> None:
    alice = iam.create_user(UserName="alice")["User"]
    other = iam.create_role(RoleName="other", AssumeRolePolicyDocument=TRUST)["Role"]
    root = f"arn:aws:iam::{holdfast.account}:root"
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=trusting({"AWS": [alice["Arn"], other["Arn"], root]}))
    assert _shown(iam) == {"AWS": [alice["Arn"], other["Arn"], root]}
    iam.delete_user(UserName="alice")
    iam.create_user(UserName="alice")
    iam.update_assume_role_policy(RoleName="other", PolicyDocument=trusting({"AWS": "*"}))
    assert _shown(iam) == {"AWS": [alice["UserId"], other["Arn"], root]}
    # What is shown can be sent again only by who leaves the dead out.
    dead = trusting({"AWS": alice["UserId"]})
    assert refused(iam.update_assume_role_policy, RoleName="app", PolicyDocument=dead) == (
        "MalformedPolicyDocument",
        f'Invalid principal in policy: "AWS":"{alice["UserId"]}"',
    )
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=trusting({"AWS": other["RoleId"]}))
    assert _shown(iam) == {"AWS": other["Arn"]}


def test_who_is_renamed_shows_the_new_name(holdfast: Account, iam: Any) -> None:
    alice = iam.create_user(UserName="alice")["User"]
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=trusting({"AWS": alice["Arn"]}))
    iam.update_user(UserName="alice", NewUserName="bob", NewPath="/people/")
    assert _shown(iam) == {"AWS": f"arn:aws:iam::{holdfast.account}:user/people/bob"}


def test_who_does_not_exist_is_refused(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice", Path="/people/")
    for principal in ("user/nobody", "user/alice", "user/people/ALICE", "role/alice"):
        arn = f"arn:aws:iam::{holdfast.account}:{principal}"
        assert refused(iam.create_role, RoleName="app", AssumeRolePolicyDocument=trusting({"AWS": arn})) == (
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"{arn}"',
        )


def test_somebody_of_another_account(holdfast_session_server: Server, iam: Any) -> None:
    other = holdfast_session_server.create_account()
    alice = other.client("iam").create_user(UserName="alice")["User"]
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=trusting({"AWS": alice["Arn"]}))
    assert _shown(iam) == {"AWS": alice["Arn"]}
    other.client("iam").delete_user(UserName="alice")
    assert _shown(iam) == {"AWS": alice["UserId"]}
    other.close()


def test_the_text_stays_as_it_was_given(house: House) -> None:
    house.call(api.CreateUser, api.CreateUserRequest(UserName="alice"))
    document = trusting({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}).replace(" ", "\n\t ")
    house.call(api.CreateRole, api.CreateRoleRequest(RoleName="app", AssumeRolePolicyDocument=document))
    assert house.rows("SELECT trust FROM iam_role")[0][0] == document


def test_the_engine_knows_the_trusted_by_their_ids(house: House) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:user/alice"
    role_arn = f"arn:aws:iam::{ACCOUNT}:role/app"
    user = house.call(api.CreateUser, api.CreateUserRequest(UserName="alice")).User
    assert user is not None
    document = trusting({"AWS": arn})
    house.call(api.CreateRole, api.CreateRoleRequest(RoleName="app", AssumeRolePolicyDocument=document))

    def trusts(user_id: str) -> bool:
        with house.transaction(writable=False) as tx:
            role = identity_of_role(tx, ACCOUNT, "app")
        assert role is not None
        policy = compile_policy(role.trust.text, name=role.trust.name, kind=PolicyKind.TRUST)
        identity = Identity(
            Principal(PrincipalKind.USER, ACCOUNT, arn, user_id),
            (compile_policy(allowing("*"), name="all", kind=PolicyKind.IDENTITY),),
        )
        request = AccessRequest("sts:AssumeRole", role_arn, ACCOUNT)
        return evaluate(identity, request, resource_policy=policy, resource_kind="trust").allowed

    assert trusts(user.UserId or "")
    assert not trusts("AIDAAAAAAAAAAAAAAAAAA")
    assert json.loads(house.rows("SELECT trusted FROM iam_role")[0][0]) == {arn: user.UserId}
