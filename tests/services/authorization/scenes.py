"""Every served operation called with everything that gives a condition key: tags, descriptions, keys, boundaries, contexts.

A scene goes through one service from the first create to the last delete, so that each operation meets a resource that has
tags and whatever else conditions are about.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.api.iam import NoSuchEntityException

from .event_scenes import events
from .function_scenes import lambda_
from .house import ACCOUNT, CALLER, EVERYTHING, ISSUER, REGION, START, House
from .topic_scenes import sns

TAGS = [{"Key": "team", "Value": "blue"}]
TRUST_ACTIONS = ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
DATA = b"c4n4ry"


def statement(**members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **members}]})


def secretsmanager(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("secretsmanager", operation, **members)

    key = house.call("kms", "CreateKey").KeyMetadata.Arn
    call("GetRandomPassword")
    call("ListSecrets")
    name = "app/db"
    version = call(
        "CreateSecret",
        Name=name,
        Type="app",
        Description="first",
        KmsKeyId=key,
        SecretString="x",
        Tags=TAGS,
        ClientRequestToken="a" * 32,
    ).VersionId
    call("DescribeSecret", SecretId=name)
    call("GetSecretValue", SecretId=name, VersionId=version, VersionStage="AWSCURRENT")
    call("BatchGetSecretValue", SecretIdList=[name])
    call("BatchGetSecretValue", Filters=[{"Key": "name", "Values": ["app"]}])
    call("PutSecretValue", SecretId=name, SecretString="y", ClientRequestToken="b" * 32)
    settings = {"Type": "app", "Description": "second", "KmsKeyId": key}
    call("UpdateSecret", SecretId=name, **settings, SecretString="z", ClientRequestToken="c" * 32)
    call("ListSecretVersionIds", SecretId=name)
    call("UpdateSecretVersionStage", SecretId=name, VersionStage="mine", MoveToVersionId="c" * 32)
    call("TagResource", SecretId=name, Tags=[{"Key": "stage", "Value": "test"}])
    call("UntagResource", SecretId=name, TagKeys=["stage"])
    policy = statement(Principal={"AWS": CALLER}, Action="secretsmanager:*", Resource="*")
    call("ValidateResourcePolicy", SecretId=name, ResourcePolicy=policy)
    call("ValidateResourcePolicy", ResourcePolicy=policy)
    call("PutResourcePolicy", SecretId=name, ResourcePolicy=policy, BlockPublicPolicy=True)
    call("GetResourcePolicy", SecretId=name)
    call("DeleteResourcePolicy", SecretId=name)
    _rotation(house, name)
    call("DeleteSecret", SecretId=name, RecoveryWindowInDays=7)
    call("RestoreSecret", SecretId=name)
    call("DeleteSecret", SecretId=name, ForceDeleteWithoutRecovery=True)


def _rotation(house: House, name: str) -> None:
    """By a function that is built in. What the secret holds tells no database: the rotation fails, and waits."""
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:SecretsManagerRDSPostgreSQLRotationSingleUser"
    house.call(
        "secretsmanager",
        "RotateSecret",
        SecretId=name,
        RotationLambdaARN=function,
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
        ClientRequestToken="d" * 32,
    )
    house.call("secretsmanager", "CancelRotateSecret", SecretId=name)


def ssm(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("ssm", operation, **members)

    name = "/app/db"
    call("PutParameter", Name=name, Value="x", Type="SecureString", Tags=TAGS)
    watched = json.dumps(
        [{"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "5", "Unit": "Hours"}}]
    )
    call("PutParameter", Name=name, Value="y", Tier="Advanced", Policies=watched, Overwrite=True)
    call("GetParameter", Name=name, WithDecryption=True)
    call("GetParameters", Names=[name], WithDecryption=True)
    call("GetParametersByPath", Path="/app", Recursive=True)
    call("GetParameterHistory", Name=name)
    call("DescribeParameters")
    call("LabelParameterVersion", Name=name, Labels=["live"])
    call("UnlabelParameterVersion", Name=name, Labels=["live"], ParameterVersion=2)
    resource = {"ResourceType": "Parameter", "ResourceId": name}
    call("AddTagsToResource", **resource, Tags=[{"Key": "stage", "Value": "test"}])
    call("ListTagsForResource", **resource)
    call("RemoveTagsFromResource", **resource, TagKeys=["stage"])
    arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"
    policy = statement(Principal={"AWS": "210987654321"}, Action="ssm:GetParameter", Resource=arn)
    put = call("PutResourcePolicy", ResourceArn=arn, Policy=policy)
    call("GetResourcePolicies", ResourceArn=arn)
    call("DeleteResourcePolicy", ResourceArn=arn, PolicyId=put.PolicyId, PolicyHash=put.PolicyHash)
    setting = "/ssm/parameter-store/default-parameter-tier"
    call("UpdateServiceSetting", SettingId=setting, SettingValue="Intelligent-Tiering")
    call("GetServiceSetting", SettingId=setting)
    call("ResetServiceSetting", SettingId=setting)
    call("DeleteParameter", Name=name)
    call("PutParameter", Name=name, Value="x", Type="String", Tags=TAGS)
    call("DeleteParameters", Names=[name])


def kms(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("kms", operation, **members)

    policy = statement(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="kms:*", Resource="*")
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    key = call("CreateKey", Tags=tags, Policy=policy, BypassPolicyLockoutSafetyCheck=True).KeyMetadata.KeyId
    other = call("CreateKey", Tags=tags).KeyMetadata.KeyId
    alias = "alias/app"
    call("CreateAlias", AliasName=alias, TargetKeyId=key)
    call("CreateAlias", AliasName="alias/other", TargetKeyId=other)
    call("CreateAlias", AliasName="alias/second", TargetKeyId=key)
    call("DescribeKey", KeyId=alias)
    context = {"purpose": "test"}
    blob = call("Encrypt", KeyId=alias, Plaintext=DATA, EncryptionContext=context).CiphertextBlob
    call("Decrypt", KeyId=alias, CiphertextBlob=blob, EncryptionContext=context)
    call(
        "ReEncrypt",
        SourceKeyId=alias,
        DestinationKeyId="alias/other",
        CiphertextBlob=blob,
        SourceEncryptionContext=context,
        DestinationEncryptionContext=context,
    )
    call("GenerateDataKey", KeyId=alias, KeySpec="AES_256", EncryptionContext=context)
    call("GenerateDataKeyWithoutPlaintext", KeyId=alias, KeySpec="AES_256", EncryptionContext=context)
    root = f"arn:aws:iam::{ACCOUNT}:root"
    granted = {"KeyId": key, "GranteePrincipal": root, "RetiringPrincipal": root, "Operations": ["Encrypt"]}
    constraints = {"EncryptionContextSubset": context}
    made = [call("CreateGrant", **granted, Constraints=constraints).GrantId for _ in range(2)]
    call("ListGrants", KeyId=key)
    call("ListRetirableGrants", RetiringPrincipal=root)
    call("RevokeGrant", KeyId=key, GrantId=made[0])
    call("RetireGrant", KeyId=key, GrantId=made[1])
    call("GenerateRandom", NumberOfBytes=8)
    _grants(house, key)
    call("ListKeys")
    call("ListAliases")
    call("ListAliases", KeyId=key)
    call("ListResourceTags", KeyId=key)
    call("TagResource", KeyId=key, Tags=[{"TagKey": "stage", "TagValue": "test"}])
    call("UntagResource", KeyId=key, TagKeys=["stage"])
    call("PutKeyPolicy", KeyId=key, Policy=policy, BypassPolicyLockoutSafetyCheck=True)
    call("GetKeyPolicy", KeyId=key)
    call("ListKeyPolicies", KeyId=key)
    call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=100)
    call("GetKeyRotationStatus", KeyId=key)
    call("ListKeyRotations", KeyId=key)
    call("RotateKeyOnDemand", KeyId=key)
    call("DisableKeyRotation", KeyId=key)
    call("UpdateKeyDescription", KeyId=key, Description="second")
    call("UpdateAlias", AliasName=alias, TargetKeyId=other)
    call("UpdateAlias", AliasName=alias, TargetKeyId=key)
    call("DisableKey", KeyId=key)
    call("EnableKey", KeyId=key)
    call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
    call("CancelKeyDeletion", KeyId=key)
    call("DeleteAlias", AliasName=alias)


def _grants(house: House, key: str) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("kms", operation, **members)

    for end in ("RetireGrant", "RevokeGrant"):
        grant = call(
            "CreateGrant",
            KeyId=key,
            GranteePrincipal=CALLER,
            RetiringPrincipal=CALLER,
            Operations=["Decrypt"],
            Constraints={"EncryptionContextEquals": {"purpose": "test"}},
        ).GrantId
        call("ListGrants", KeyId=key)
        call("ListRetirableGrants", RetiringPrincipal=CALLER)
        call(end, KeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}", GrantId=grant)


def sts(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("sts", operation, **members)

    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": principal, "Action": TRUST_ACTIONS}
            for principal in ({"AWS": CALLER}, {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER[8:]}"})
        ],
    }
    house.call("iam", "CreateOpenIDConnectProvider", Url=ISSUER, ClientIDList=["client"], ThumbprintList=["0" * 40])
    role = house.call(
        "iam", "CreateRole", RoleName="app", AssumeRolePolicyDocument=json.dumps(trust), Tags=TAGS
    ).Role.Arn
    call("GetCallerIdentity")
    call("GetAccessKeyInfo", AccessKeyId=house.call("iam", "CreateAccessKey").AccessKey.AccessKeyId)
    call("GetSessionToken")
    call(
        "AssumeRole",
        RoleArn=role,
        RoleSessionName="session",
        ExternalId="the-one",
        SourceIdentity="alice",
        Tags=[{"Key": "stage", "Value": "test"}],
        TransitiveTagKeys=["stage"],
        DurationSeconds=900,
    )
    now = START // 1000
    claims = {
        "iss": ISSUER,
        "sub": "workload",
        "aud": "client",
        "amr": ["pwd"],
        "iat": now,
        "exp": now + 300,
        "https://aws.amazon.com/source_identity": "alice",
        "https://aws.amazon.com/tags": {"principal_tags": {"stage": ["test"]}, "transitive_tag_keys": ["stage"]},
    }
    call(
        "AssumeRoleWithWebIdentity",
        RoleArn=role,
        RoleSessionName="session",
        WebIdentityToken=house.key.token(claims),
        DurationSeconds=900,
    )


def iam(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("iam", operation, **members)

    for operation in (
        "GetAccountSummary", "ListInstanceProfiles", "ListSAMLProviders", "ListServerCertificates",
        "ListVirtualMFADevices", "ListAccountAliases", "ListUsers", "ListGroups", "ListRoles", "ListPolicies",
        "ListOpenIDConnectProviders", "GetAccountAuthorizationDetails",
    ):  # fmt: skip
        call(operation)
    call("CreateAccountAlias", AccountAlias="a-test")
    call("DeleteAccountAlias", AccountAlias="a-test")
    _finds_nothing(house, "GetAccountPasswordPolicy")
    _policies(house)
    _users(house)
    _groups(house)
    _roles(house)
    _providers(house)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/limit"
    call("DeletePolicyVersion", PolicyArn=arn, VersionId="v2")
    call("DeletePolicy", PolicyArn=arn)


def _finds_nothing(house: House, operation: str, **members: Any) -> None:
    """A call about something that nobody has here."""
    with pytest.raises(NoSuchEntityException):
        house.call("iam", operation, **members)


LIMIT = f"arn:aws:iam::{ACCOUNT}:policy/limit"
OTHER_TAGS = [{"Key": "stage", "Value": "test"}]


def _policies(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("iam", operation, PolicyArn=LIMIT, **members)

    house.call("iam", "CreatePolicy", PolicyName="limit", PolicyDocument=EVERYTHING, Tags=TAGS)
    call("CreatePolicyVersion", PolicyDocument=EVERYTHING)
    call("SetDefaultPolicyVersion", VersionId="v2")
    call("SetDefaultPolicyVersion", VersionId="v1")
    call("GetPolicy")
    call("GetPolicyVersion", VersionId="v2")
    call("ListPolicyVersions")
    call("ListEntitiesForPolicy")
    call("TagPolicy", Tags=OTHER_TAGS)
    call("ListPolicyTags")
    call("UntagPolicy", TagKeys=["stage"])
    house.call("iam", "GetContextKeysForCustomPolicy", PolicyInputList=[EVERYTHING])
    house.call("iam", "SimulateCustomPolicy", PolicyInputList=[EVERYTHING], ActionNames=["ssm:GetParameter"])


def _users(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("iam", operation, UserName="alice", **members)

    call("CreateUser", PermissionsBoundary=LIMIT, Tags=TAGS)
    for operation in (
        "GetUser", "ListAccessKeys", "ListAttachedUserPolicies", "ListGroupsForUser", "ListMFADevices",
        "ListSSHPublicKeys", "ListServiceSpecificCredentials", "ListSigningCertificates", "ListUserPolicies",
        "ListUserTags",
    ):  # fmt: skip
        call(operation)
    key = call("CreateAccessKey").AccessKey.AccessKeyId
    call("UpdateAccessKey", AccessKeyId=key, Status="Inactive")
    house.call("iam", "GetAccessKeyLastUsed", AccessKeyId=key)
    call("DeleteAccessKey", AccessKeyId=key)
    _finds_nothing(house, "GetLoginProfile", UserName="alice")
    _finds_nothing(house, "DeleteLoginProfile", UserName="alice")
    call("PutUserPolicy", PolicyName="inline", PolicyDocument=EVERYTHING)
    call("GetUserPolicy", PolicyName="inline")
    call("DeleteUserPolicy", PolicyName="inline")
    call("AttachUserPolicy", PolicyArn=LIMIT)
    call("DetachUserPolicy", PolicyArn=LIMIT)
    call("TagUser", Tags=OTHER_TAGS)
    call("UntagUser", TagKeys=["stage"])
    call("UpdateUser", NewPath="/team/")
    arn = f"arn:aws:iam::{ACCOUNT}:user/team/alice"
    house.call("iam", "GetContextKeysForPrincipalPolicy", PolicySourceArn=arn)
    house.call("iam", "SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=["ssm:GetParameter"])
    call("DeleteUserPermissionsBoundary")
    call("PutUserPermissionsBoundary", PermissionsBoundary=LIMIT)
    call("DeleteUserPermissionsBoundary")
    call("PutUserPermissionsBoundary", PermissionsBoundary=LIMIT)
    call("DeleteUser")


def _groups(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("iam", operation, GroupName="readers", **members)

    call("CreateGroup")
    call("AddUserToGroup", UserName="caller")
    for operation in ("GetGroup", "ListAttachedGroupPolicies", "ListGroupPolicies"):
        call(operation)
    call("RemoveUserFromGroup", UserName="caller")
    call("PutGroupPolicy", PolicyName="inline", PolicyDocument=EVERYTHING)
    call("GetGroupPolicy", PolicyName="inline")
    call("DeleteGroupPolicy", PolicyName="inline")
    call("AttachGroupPolicy", PolicyArn=LIMIT)
    call("DetachGroupPolicy", PolicyArn=LIMIT)
    call("UpdateGroup", NewPath="/team/")
    call("DeleteGroup")


def _roles(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("iam", operation, RoleName="worker", **members)

    trust = statement(Principal={"AWS": CALLER}, Action="sts:AssumeRole")
    call("CreateRole", AssumeRolePolicyDocument=trust, PermissionsBoundary=LIMIT, Tags=TAGS)
    for operation in (
        "GetRole", "ListAttachedRolePolicies", "ListInstanceProfilesForRole", "ListRolePolicies", "ListRoleTags",
    ):  # fmt: skip
        call(operation)
    call("PutRolePolicy", PolicyName="inline", PolicyDocument=EVERYTHING)
    call("GetRolePolicy", PolicyName="inline")
    call("DeleteRolePolicy", PolicyName="inline")
    call("AttachRolePolicy", PolicyArn=LIMIT)
    call("DetachRolePolicy", PolicyArn=LIMIT)
    call("TagRole", Tags=OTHER_TAGS)
    call("UntagRole", TagKeys=["stage"])
    call("UpdateAssumeRolePolicy", PolicyDocument=trust)
    call("UpdateRole", Description="second")
    call("UpdateRoleDescription", Description="third")
    call("DeleteRolePermissionsBoundary")
    call("PutRolePermissionsBoundary", PermissionsBoundary=LIMIT)
    call("DeleteRole")


def _providers(house: House) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/other.example"

    def call(operation: str, **members: Any) -> Any:
        return house.call("iam", operation, OpenIDConnectProviderArn=arn, **members)

    house.call(
        "iam",
        "CreateOpenIDConnectProvider",
        Url="https://other.example",
        ClientIDList=["one"],
        ThumbprintList=["0" * 40],
        Tags=TAGS,
    )
    call("GetOpenIDConnectProvider")
    call("AddClientIDToOpenIDConnectProvider", ClientID="two")
    call("RemoveClientIDFromOpenIDConnectProvider", ClientID="two")
    call("UpdateOpenIDConnectProviderThumbprint", ThumbprintList=["1" * 40])
    call("TagOpenIDConnectProvider", Tags=OTHER_TAGS)
    call("ListOpenIDConnectProviderTags")
    call("UntagOpenIDConnectProvider", TagKeys=["stage"])
    call("DeleteOpenIDConnectProvider")


def cloudtrail(house: House) -> None:
    house.call("cloudtrail", "LookupEvents")


SCENES = {each.__name__: each for each in (secretsmanager, ssm, kms, sts, iam, cloudtrail, lambda_, events, sns)}
