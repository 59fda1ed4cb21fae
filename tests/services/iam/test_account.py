"""What an account has as a whole, and honest answers about what nobody has here; through boto3."""

from __future__ import annotations

from typing import Any

import pytest
from boto3.session import Session

from holdfast.testing import Account, Server

from .conftest import Signing
from .documents import READ, TRUST, allowing
from .refusals import refused


def test_the_alias(holdfast_session_server: Server, holdfast: Account, iam: Any) -> None:
    alias = f"a-{holdfast.account}"
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="x" + alias)
    for _ in range(2):
        iam.create_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    other = holdfast_session_server.create_account()
    assert refused(other.client("iam").create_account_alias, AccountAlias=alias) == (
        "EntityAlreadyExists",
        f"The account alias {alias} already exists.",
    )
    assert refused(iam.delete_account_alias, AccountAlias="x" + alias)[0] == "NoSuchEntity"
    iam.delete_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()["AccountAliases"] == []
    other.client("iam").create_account_alias(AccountAlias=alias)
    other.close()
    assert refused(iam.create_account_alias, AccountAlias="UPPER")[0] == "ValidationError"


def test_the_summary_counts(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_user(UserName="bob")
    iam.delete_user(UserName="bob")
    iam.create_group(GroupName="group")
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    arn = iam.create_policy(PolicyName="policy", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    iam.create_open_id_connect_provider(Url="https://id.example.org")
    summary = iam.get_account_summary()["SummaryMap"]
    counts = {name: summary[name] for name in ("Users", "Groups", "Roles", "Policies", "Providers")}
    assert counts == {"Users": 1, "Groups": 1, "Roles": 1, "Policies": 1, "Providers": 1}
    assert (summary["PolicyVersionsInUse"], summary["AccountAccessKeysPresent"]) == (2, 1)
    assert (summary["UsersQuota"], summary["AccountMFAEnabled"], summary["RolePolicySizeQuota"]) == (5000, 0, 10240)


def test_nobody_has_a_password(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    assert refused(iam.get_account_password_policy) == (
        "NoSuchEntity",
        f"The Password Policy with domain name {holdfast.account} cannot be found.",
    )
    for call in (iam.get_login_profile, iam.delete_login_profile):
        assert refused(call, UserName="alice") == (
            "NoSuchEntity",
            "Login Profile for User alice cannot be found.",
        )
        assert refused(call, UserName="bob") == ("NoSuchEntity", "The user with name bob cannot be found.")


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("list_mfa_devices", "MFADevices"),
        ("list_signing_certificates", "Certificates"),
        ("list_ssh_public_keys", "SSHPublicKeys"),
        ("list_service_specific_credentials", "ServiceSpecificCredentials"),
    ],
)
def test_nothing_of_a_user(iam: Any, operation: str, member: str) -> None:
    iam.create_user(UserName="alice")
    call = getattr(iam, operation)
    assert call(UserName="alice")[member] == []
    assert call()[member] == []
    assert refused(call, UserName="bob") == ("NoSuchEntity", "The user with name bob cannot be found.")


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("list_instance_profiles", "InstanceProfiles"),
        ("list_virtual_mfa_devices", "VirtualMFADevices"),
        ("list_saml_providers", "SAMLProviderList"),
        ("list_server_certificates", "ServerCertificateMetadataList"),
    ],
)
def test_nothing_of_an_account(iam: Any, operation: str, member: str) -> None:
    assert getattr(iam, operation)()[member] == []


def test_no_machine_has_a_role(iam: Any) -> None:
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    assert iam.list_instance_profiles_for_role(RoleName="role")["InstanceProfiles"] == []
    assert refused(iam.list_instance_profiles_for_role, RoleName="nobody")[0] == "NoSuchEntity"
    assert iam.list_service_specific_credentials(AllUsers=True)["ServiceSpecificCredentials"] == []


def test_what_is_absent_says_so(iam: Any) -> None:
    assert refused(iam.create_login_profile, UserName="alice", Password="c4n4ry-password") == (
        "NotImplemented",
        "Holdfast does not implement iam:CreateLoginProfile yet.",
    )


def test_any_region_will_do(holdfast: Account, iam: Any) -> None:
    iam.create_user(UserName="alice")
    assert len(holdfast.client("iam", region_name="ap-northeast-3").list_users()["Users"]) == 1


def test_a_session_of_a_role_is_no_user(holdfast: Account, iam: Any, signing: Signing) -> None:
    iam.create_user(UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=allowing("sts:AssumeRole"))
    arn = iam.get_user(UserName="alice")["User"]["Arn"]
    trust = TRUST.replace('{"Service": "lambda.amazonaws.com"}', f'{{"AWS": "{arn}"}}')
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=trust)["Role"]
    iam.attach_role_policy(RoleName="role", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    sts = signing(holdfast, iam.create_access_key(UserName="alice")["AccessKey"], "sts")
    key = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    create: Any = Session().client
    own = create(
        "iam",
        endpoint_url=holdfast.endpoint_url,
        region_name=holdfast.region,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    try:
        for call in (own.get_user, own.list_access_keys, own.create_access_key, own.list_mfa_devices):
            assert refused(call) == (
                "ValidationError",
                "Must specify userName when calling with non-User credentials",
            )
        assert own.get_user(UserName="alice")["User"]["UserName"] == "alice"
        assert "LastUsedDate" in own.get_role(RoleName="role")["Role"]["RoleLastUsed"]
    finally:
        own.close()
