"""What an account has as a whole: alias, summary, password policy; in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import account_records, records, rules

if TYPE_CHECKING:
    from holdfast.services.call import Call

QUOTAS = {
    "UsersQuota": "UsersPerAccount",
    "GroupsQuota": "GroupsPerAccount",
    "RolesQuota": "RolesPerAccount",
    "PoliciesQuota": "PoliciesPerAccount",
    "GroupsPerUserQuota": "GroupsPerUser",
    "AccessKeysPerUserQuota": "AccessKeysPerUser",
    "AttachedPoliciesPerUserQuota": "PoliciesPerUser",
    "AttachedPoliciesPerGroupQuota": "PoliciesPerGroup",
    "AttachedPoliciesPerRoleQuota": "PoliciesPerRole",
    "VersionsPerPolicyQuota": "VersionsPerPolicy",
    "PolicySizeQuota": "PolicySize",
    "AssumeRolePolicySizeQuota": "ACLSizePerRole",
}
"""Names of GetAccountSummary -> names of quotas."""
SIZES: dict[str, rules.Kind] = {
    "UserPolicySizeQuota": "user",
    "GroupPolicySizeQuota": "group",
    "RolePolicySizeQuota": "role",
}
COUNTS = ("Users", "Groups", "Roles", "Policies", "PolicyVersionsInUse", "Providers")
ABSENT = (
    "AccountMFAEnabled", "AccountPasswordPresent", "AccountSigningCertificatesPresent", "InstanceProfiles", "MFADevices",
    "MFADevicesInUse", "ServerCertificates",
)  # fmt: skip
"""What no account has here."""


def create_account_alias(call: Call, value: iam.CreateAccountAliasRequest) -> iam.CreateAccountAliasOutput:
    """Name the account; the alias that it had is free then."""
    call.authorize("iam:CreateAccountAlias", "*")
    row = call.tx.one(account_records.ALIAS_OWNER, value.AccountAlias)
    if row is not None and row[0] != call.account:
        raise iam.EntityAlreadyExistsException(f"The account alias {value.AccountAlias} already exists.")
    call.tx.run(account_records.WRITE_ALIAS, call.account, value.AccountAlias)
    return iam.CreateAccountAliasOutput()


def delete_account_alias(call: Call, value: iam.DeleteAccountAliasRequest) -> iam.DeleteAccountAliasOutput:
    """Take the account's alias away."""
    call.authorize("iam:DeleteAccountAlias", "*")
    if not call.tx.run(account_records.DELETE_ALIAS, call.account, value.AccountAlias):
        raise iam.NoSuchEntityException(f"The account alias {value.AccountAlias} cannot be found.")
    return iam.DeleteAccountAliasOutput()


def get_account_password_policy(
    call: Call, value: iam.GetAccountPasswordPolicyInput
) -> iam.GetAccountPasswordPolicyResponse:
    """Nobody has a password here, so there is no policy for them."""
    call.authorize("iam:GetAccountPasswordPolicy", "*")
    raise iam.NoSuchEntityException(f"The Password Policy with domain name {call.account} cannot be found.")


def get_account_summary(call: Call, value: iam.GetAccountSummaryInput) -> iam.GetAccountSummaryResponse:
    """How many of everything the account has, and may have."""
    call.authorize("iam:GetAccountSummary", "*")
    counted: dict[str, int] = {row[0]: row[1] for row in call.tx.all(account_records.LIST_COUNTS, call.account)}
    summary = {name: counted.get(name, 0) for name in COUNTS}
    summary.update(dict.fromkeys(ABSENT, 0))
    summary.update({name: rules.QUOTAS[quota] for name, quota in QUOTAS.items()})
    summary.update({name: rules.INLINE_SIZES[kind] for name, kind in SIZES.items()})
    summary["AccountAccessKeysPresent"] = int(bool(records.keys_of(call.tx, call.account, call.account, limit=1)))
    return iam.GetAccountSummaryResponse(SummaryMap=summary)


def list_account_aliases(call: Call, value: iam.ListAccountAliasesRequest) -> iam.ListAccountAliasesResponse:
    """The account's alias, if it has one; there is never a second."""
    call.authorize("iam:ListAccountAliases", "*")
    row = call.tx.one(account_records.READ_ALIAS, call.account)
    return iam.ListAccountAliasesResponse(AccountAliases=[] if row is None else [row[0]], IsTruncated=False)
