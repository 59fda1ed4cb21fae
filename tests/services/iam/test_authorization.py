"""Every operation asks for what AWS documents: action, resource type, condition keys ("Actions, resources, and condition
keys for AWS Identity and Access Management", service authorization reference), and asks before it tells anything.
"""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.access.grounds import Identity
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.api import iam as api
from holdfast.api.base import AccessDeniedException, ServiceError, ValidationException
from holdfast.services.iam.service import SERVICE

from .conftest import ACCOUNT, OTHER_ACCOUNT, House
from .documents import READ, TRUST

BOUNDARY = "arn:aws:iam::aws:policy/AWSDenyAll"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/x/policy"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/id.example.org"
TAGS = [api.Tag(Key="team", Value="a")]
RESOURCES = {
    "*": "*",
    "user": f"arn:aws:iam::{ACCOUNT}:user/x/alice",
    "group": f"arn:aws:iam::{ACCOUNT}:group/x/group",
    "role": f"arn:aws:iam::{ACCOUNT}:role/x/role",
    "policy": POLICY,
    "oidc-provider": PROVIDER,
}
DOCUMENTED = {
    "*": """
        CreateAccountAlias DeleteAccountAlias GetAccountAuthorizationDetails GetAccountPasswordPolicy GetAccountSummary
        GetContextKeysForCustomPolicy ListAccountAliases ListGroups ListInstanceProfiles ListOpenIDConnectProviders
        ListPolicies ListRoles ListSAMLProviders ListServerCertificates ListUsers ListVirtualMFADevices
        SimulateCustomPolicy
    """,
    "group": """
        AddUserToGroup CreateGroup DeleteGroup DeleteGroupPolicy GetGroup GetGroupPolicy ListAttachedGroupPolicies
        ListGroupPolicies PutGroupPolicy RemoveUserFromGroup UpdateGroup AttachGroupPolicy DetachGroupPolicy
    """,
    "oidc-provider": """
        AddClientIDToOpenIDConnectProvider DeleteOpenIDConnectProvider GetOpenIDConnectProvider
        ListOpenIDConnectProviderTags RemoveClientIDFromOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint
        CreateOpenIDConnectProvider TagOpenIDConnectProvider UntagOpenIDConnectProvider
    """,
    "policy": """
        CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion ListEntitiesForPolicy
        ListPolicyTags ListPolicyVersions SetDefaultPolicyVersion CreatePolicy TagPolicy UntagPolicy
    """,
    "role": """
        GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies ListRoleTags TagRole
        CreateRole UntagRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy GetRole
        PutRolePermissionsBoundary PutRolePolicy UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription
        AttachRolePolicy DetachRolePolicy
    """,
    "user": """
        CreateAccessKey DeleteAccessKey DeleteLoginProfile DeleteUser GetAccessKeyLastUsed GetLoginProfile GetUser
        GetUserPolicy ListAccessKeys ListAttachedUserPolicies ListGroupsForUser ListMFADevices ListSSHPublicKeys
        ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies ListUserTags UpdateAccessKey UpdateUser
        TagUser CreateUser UntagUser DeleteUserPermissionsBoundary DeleteUserPolicy PutUserPermissionsBoundary
        PutUserPolicy AttachUserPolicy DetachUserPolicy GetContextKeysForPrincipalPolicy SimulatePrincipalPolicy
    """,
}
KEYS = {
    "iam:PolicyARN": """
        AttachGroupPolicy DetachGroupPolicy AttachRolePolicy DetachRolePolicy AttachUserPolicy DetachUserPolicy
    """,
    "iam:PermissionsBoundary": """
        CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy GetRole PutRolePermissionsBoundary
        PutRolePolicy UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription AttachRolePolicy DetachRolePolicy CreateUser
        DeleteUserPermissionsBoundary DeleteUserPolicy PutUserPermissionsBoundary PutUserPolicy AttachUserPolicy
        DetachUserPolicy
    """,
    "aws:RequestTag/team": """
        CreateOpenIDConnectProvider TagOpenIDConnectProvider CreatePolicy TagPolicy TagRole CreateRole TagUser CreateUser
    """,
    "aws:TagKeys": """
        CreateOpenIDConnectProvider TagOpenIDConnectProvider CreatePolicy TagPolicy TagRole CreateRole TagUser CreateUser
        UntagOpenIDConnectProvider UntagPolicy UntagRole UntagUser
    """,
}
MAKING = ("CreateUser", "CreateGroup", "CreateRole", "CreatePolicy", "CreateOpenIDConnectProvider")
OPERATIONS = {name: kind for kind, names in DOCUMENTED.items() for name in names.split()}


def _furnish(house: House) -> str:
    """Something of every kind; the id of an access key of the user."""
    path = "/x/"
    house.call(
        api.CreateUser, api.CreateUserRequest(UserName="alice", Path=path, Tags=TAGS, PermissionsBoundary=BOUNDARY)
    )
    house.call(api.CreateGroup, api.CreateGroupRequest(GroupName="group", Path=path))
    house.call(
        api.CreateRole,
        api.CreateRoleRequest(
            RoleName="role", Path=path, Tags=TAGS, PermissionsBoundary=BOUNDARY, AssumeRolePolicyDocument=TRUST
        ),
    )
    house.call(
        api.CreatePolicy, api.CreatePolicyRequest(PolicyName="policy", Path=path, Tags=TAGS, PolicyDocument=READ)
    )
    house.call(
        api.CreateOpenIDConnectProvider,
        api.CreateOpenIDConnectProviderRequest(Url="https://id.example.org", Tags=TAGS),
    )
    made = house.call(api.CreateAccessKey, api.CreateAccessKeyRequest(UserName="alice")).AccessKey
    assert made is not None
    return made.AccessKeyId or ""


def _request(name: str, values: dict[str, Any]) -> Any:
    """A request with all members that the test has values for."""
    operation = api.OPERATIONS[name]
    members = operation.input.__struct_fields__
    found = {member: value for member, value in values.items() if member in members}
    if name == "UpdateAssumeRolePolicy":
        found["PolicyDocument"] = TRUST
    return operation.input(**found)


def _values(access_key_id: str) -> dict[str, Any]:
    return {
        "UserName": "alice",
        "GroupName": "group",
        "RoleName": "role",
        "PolicyName": "policy",
        "Path": "/x/",
        "PolicyArn": POLICY,
        "OpenIDConnectProviderArn": PROVIDER,
        "PolicySourceArn": RESOURCES["user"],
        "AccessKeyId": access_key_id,
        "PermissionsBoundary": BOUNDARY,
        "PolicyDocument": READ,
        "AssumeRolePolicyDocument": TRUST,
        "PolicyInputList": [READ],
        "ActionNames": ["ssm:GetParameter"],
        "AccountAlias": "alias",
        "Url": "https://id.example.org",
        "ClientID": "client",
        "ThumbprintList": ["a" * 40],
        "VersionId": "v1",
        "Status": "Inactive",
        "Description": "text",
        "Tags": TAGS,
        "TagKeys": ["team"],
    }


def _outcome(house: House, name: str, values: dict[str, Any]) -> ServiceError | None:
    try:
        house.call(api.OPERATIONS[name], _request(name, values))
    except ServiceError as error:
        return error
    return None


def test_every_operation_is_documented() -> None:
    assert OPERATIONS.keys() == SERVICE.operations.keys()


def test_every_operation_asks_for_what_is_documented(house: House) -> None:
    values = _values(_furnish(house))
    for name, kind in OPERATIONS.items():
        with pytest.MonkeyPatch.context() as patch:
            # Whatever it would do is taken back: the next operation finds everything as it was.
            patch.setattr(house, "transaction", house.rehearsal)
            error = _outcome(house, name, values)
        assert not isinstance(error, AccessDeniedException | ValidationException), (name, error)
        asked = house.last_call.asked[0]
        assert (asked.action, asked.resource, asked.owner) == (f"iam:{name}", RESOURCES[kind], ACCOUNT), name
        keys = {key for key, names in KEYS.items() if name in names.split()}
        if kind not in ("*", "group") and name not in MAKING:
            keys.add("aws:ResourceTag/team")
            if kind in ("user", "role"):
                keys.add("iam:ResourceTag/team")
        assert set(asked.context) == keys, name
        expected = {"iam:PolicyARN": POLICY, "iam:PermissionsBoundary": BOUNDARY, "aws:TagKeys": ["team"]}
        for key in keys:
            assert asked.context[key] == expected.get(key, "a"), (name, key)


def test_nobody_learns_what_is_there(house: House) -> None:
    access_key_id = _furnish(house)
    there = _values(access_key_id)
    missing = there | {
        "UserName": "nobody",
        "GroupName": "nobody",
        "RoleName": "nobody",
        "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/nobody",
        "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/nobody.example.org",
        "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/nobody",
        "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA",
    }
    arn = f"arn:aws:iam::{ACCOUNT}:user/eve"
    house.identity = Identity(Principal(PrincipalKind.USER, ACCOUNT, arn, "AIDAEEEEEEEEEEEEEEEEE"))
    for name in OPERATIONS:
        for values in (there, missing):
            error = house.error(api.OPERATIONS[name], _request(name, values))
            assert isinstance(error, AccessDeniedException), (name, error)
            assert f"is not authorized to perform: iam:{name}" in (error.message or "")


def test_tags_at_birth_need_leave_to_tag(house: House) -> None:
    _furnish(house)
    for name, action in (
        ("CreateUser", "iam:TagUser"),
        ("CreateRole", "iam:TagRole"),
        ("CreatePolicy", "iam:TagPolicy"),
        ("CreateOpenIDConnectProvider", "iam:TagOpenIDConnectProvider"),
    ):
        house.error(api.OPERATIONS[name], _request(name, _values("")))
        assert [asked.action for asked in house.last_call.asked] == [f"iam:{name}", action]


def test_a_new_name_is_asked_for_too(house: House) -> None:
    _furnish(house)
    house.call(api.UpdateUser, api.UpdateUserRequest(UserName="alice", NewUserName="bob", NewPath="/y/"))
    assert [asked.resource for asked in house.last_call.asked] == [
        RESOURCES["user"],
        f"arn:aws:iam::{ACCOUNT}:user/y/bob",
    ]


def test_what_belongs_to_another_account_is_asked_of_it(house: House) -> None:
    for operation, request in (
        (api.GetPolicy, api.GetPolicyRequest(PolicyArn=f"arn:aws:iam::{OTHER_ACCOUNT}:policy/p")),
        (
            api.GetOpenIDConnectProvider,
            api.GetOpenIDConnectProviderRequest(
                OpenIDConnectProviderArn=f"arn:aws:iam::{OTHER_ACCOUNT}:oidc-provider/id.example.org"
            ),
        ),
    ):
        any_operation: Any = operation
        assert isinstance(house.error(any_operation, request), AccessDeniedException)
        assert house.last_call.asked[0].owner == OTHER_ACCOUNT
