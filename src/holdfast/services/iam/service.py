"""What IAM answers.

What nobody has here (passwords, MFA devices, certificates, SSH keys, instance profiles, SAML) is answered empty where
clients ask for it, and absent where they would make it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api import iam
from holdfast.services.iam import (
    absent_operations,
    access_key_operations,
    account_operations,
    account_records,
    attachment_operations,
    authorization_details,
    boundaries,
    group_operations,
    inline_operations,
    notes,
    policy_listing,
    policy_operations,
    provider_operations,
    role_operations,
    simulation_operations,
    tag_operations,
    user_operations,
)
from holdfast.services.iam.shapes import KEY_USED, ROLE_USED
from holdfast.services.service import Exemptions, OperationFunction, Served, Service, read, write

if TYPE_CHECKING:
    from holdfast.services.call import Call

OWN_TEXTS = ("UserName", "NewUserName", "GroupName", "NewGroupName", "RoleName", "PolicyName", "Path", "NewPath")
"""Members whose characters AWS checks with texts of its own (`rules.check_name`, `rules.check_path`)."""


def _exempt(name: str) -> Exemptions:
    members = iam.OPERATIONS[name].input.__struct_fields__
    exempt: dict[str, Any] = {member: ("pattern",) for member in OWN_TEXTS if member in members}
    if name == "CreatePolicy":
        # Paths of policies have fewer characters than others, and only the model says so.
        del exempt["Path"]
    if "Marker" in members:
        # Ours seal a position; one with a long path is longer than any of AWS.
        exempt["Marker"] = ("maximum",)
    return exempt


def _reading(name: str, function: OperationFunction) -> tuple[str, Served]:
    return name, read(function, exempt=_exempt(name))


def _writing(name: str, function: OperationFunction) -> tuple[str, Served]:
    """An operation that changes something, and with it the version of the account's IAM.

    INVARIANT: nothing here is written under a version that was read before. The version goes first, so that writers of
    one account follow each other on engines that let them run at once.
    """

    def run(call: Call, value: Any) -> Any:
        call.tx.run(account_records.NEW_VERSION, call.account)
        return function(call, value)

    return name, write(run, exempt=_exempt(name))


SERVICE = Service(
    api=iam.API,
    operations=dict(
        [
            _writing(
                "AddClientIDToOpenIDConnectProvider", provider_operations.add_client_id_to_open_id_connect_provider
            ),
            _writing("AddUserToGroup", group_operations.add_user_to_group),
            _writing("AttachGroupPolicy", attachment_operations.attach_group_policy),
            _writing("AttachRolePolicy", attachment_operations.attach_role_policy),
            _writing("AttachUserPolicy", attachment_operations.attach_user_policy),
            _writing("CreateAccessKey", access_key_operations.create_access_key),
            _writing("CreateAccountAlias", account_operations.create_account_alias),
            _writing("CreateGroup", group_operations.create_group),
            _writing("CreateOpenIDConnectProvider", provider_operations.create_open_id_connect_provider),
            _writing("CreatePolicy", policy_operations.create_policy),
            _writing("CreatePolicyVersion", policy_operations.create_policy_version),
            _writing("CreateRole", role_operations.create_role),
            _writing("CreateUser", user_operations.create_user),
            _writing("DeleteAccessKey", access_key_operations.delete_access_key),
            _writing("DeleteAccountAlias", account_operations.delete_account_alias),
            _writing("DeleteGroup", group_operations.delete_group),
            _writing("DeleteGroupPolicy", inline_operations.delete_group_policy),
            _reading("DeleteLoginProfile", absent_operations.delete_login_profile),
            _writing("DeleteOpenIDConnectProvider", provider_operations.delete_open_id_connect_provider),
            _writing("DeletePolicy", policy_operations.delete_policy),
            _writing("DeletePolicyVersion", policy_operations.delete_policy_version),
            _writing("DeleteRole", role_operations.delete_role),
            _writing("DeleteRolePermissionsBoundary", boundaries.delete_role_permissions_boundary),
            _writing("DeleteRolePolicy", inline_operations.delete_role_policy),
            _writing("DeleteUser", user_operations.delete_user),
            _writing("DeleteUserPermissionsBoundary", boundaries.delete_user_permissions_boundary),
            _writing("DeleteUserPolicy", inline_operations.delete_user_policy),
            _writing("DetachGroupPolicy", attachment_operations.detach_group_policy),
            _writing("DetachRolePolicy", attachment_operations.detach_role_policy),
            _writing("DetachUserPolicy", attachment_operations.detach_user_policy),
            _reading("GetAccessKeyLastUsed", access_key_operations.get_access_key_last_used),
            _reading("GetAccountAuthorizationDetails", authorization_details.get_account_authorization_details),
            _reading("GetAccountPasswordPolicy", account_operations.get_account_password_policy),
            _reading("GetAccountSummary", account_operations.get_account_summary),
            _reading("GetContextKeysForCustomPolicy", simulation_operations.get_context_keys_for_custom_policy),
            _reading("GetContextKeysForPrincipalPolicy", simulation_operations.get_context_keys_for_principal_policy),
            _reading("GetGroup", group_operations.get_group),
            _reading("GetGroupPolicy", inline_operations.get_group_policy),
            _reading("GetLoginProfile", absent_operations.get_login_profile),
            _reading("GetOpenIDConnectProvider", provider_operations.get_open_id_connect_provider),
            _reading("GetPolicy", policy_operations.get_policy),
            _reading("GetPolicyVersion", policy_operations.get_policy_version),
            _reading("GetRole", role_operations.get_role),
            _reading("GetRolePolicy", inline_operations.get_role_policy),
            _reading("GetUser", user_operations.get_user),
            _reading("GetUserPolicy", inline_operations.get_user_policy),
            _reading("ListAccessKeys", access_key_operations.list_access_keys),
            _reading("ListAccountAliases", account_operations.list_account_aliases),
            _reading("ListAttachedGroupPolicies", attachment_operations.list_attached_group_policies),
            _reading("ListAttachedRolePolicies", attachment_operations.list_attached_role_policies),
            _reading("ListAttachedUserPolicies", attachment_operations.list_attached_user_policies),
            _reading("ListEntitiesForPolicy", policy_listing.list_entities_for_policy),
            _reading("ListGroupPolicies", inline_operations.list_group_policies),
            _reading("ListGroups", group_operations.list_groups),
            _reading("ListGroupsForUser", user_operations.list_groups_for_user),
            _reading("ListInstanceProfiles", absent_operations.list_instance_profiles),
            _reading("ListInstanceProfilesForRole", absent_operations.list_instance_profiles_for_role),
            _reading("ListMFADevices", absent_operations.list_mfa_devices),
            _reading("ListOpenIDConnectProviderTags", tag_operations.list_open_id_connect_provider_tags),
            _reading("ListOpenIDConnectProviders", provider_operations.list_open_id_connect_providers),
            _reading("ListPolicies", policy_listing.list_policies),
            _reading("ListPolicyTags", tag_operations.list_policy_tags),
            _reading("ListPolicyVersions", policy_operations.list_policy_versions),
            _reading("ListRolePolicies", inline_operations.list_role_policies),
            _reading("ListRoleTags", tag_operations.list_role_tags),
            _reading("ListRoles", role_operations.list_roles),
            _reading("ListSAMLProviders", absent_operations.list_saml_providers),
            _reading("ListSSHPublicKeys", absent_operations.list_ssh_public_keys),
            _reading("ListServerCertificates", absent_operations.list_server_certificates),
            _reading("ListServiceSpecificCredentials", absent_operations.list_service_specific_credentials),
            _reading("ListSigningCertificates", absent_operations.list_signing_certificates),
            _reading("ListUserPolicies", inline_operations.list_user_policies),
            _reading("ListUserTags", tag_operations.list_user_tags),
            _reading("ListUsers", user_operations.list_users),
            _reading("ListVirtualMFADevices", absent_operations.list_virtual_mfa_devices),
            _writing("PutGroupPolicy", inline_operations.put_group_policy),
            _writing("PutRolePermissionsBoundary", boundaries.put_role_permissions_boundary),
            _writing("PutRolePolicy", inline_operations.put_role_policy),
            _writing("PutUserPermissionsBoundary", boundaries.put_user_permissions_boundary),
            _writing("PutUserPolicy", inline_operations.put_user_policy),
            _writing(
                "RemoveClientIDFromOpenIDConnectProvider",
                provider_operations.remove_client_id_from_open_id_connect_provider,
            ),
            _writing("RemoveUserFromGroup", group_operations.remove_user_from_group),
            _writing("SetDefaultPolicyVersion", policy_operations.set_default_policy_version),
            _reading("SimulateCustomPolicy", simulation_operations.simulate_custom_policy),
            _reading("SimulatePrincipalPolicy", simulation_operations.simulate_principal_policy),
            _writing("TagOpenIDConnectProvider", tag_operations.tag_open_id_connect_provider),
            _writing("TagPolicy", tag_operations.tag_policy),
            _writing("TagRole", tag_operations.tag_role),
            _writing("TagUser", tag_operations.tag_user),
            _writing("UntagOpenIDConnectProvider", tag_operations.untag_open_id_connect_provider),
            _writing("UntagPolicy", tag_operations.untag_policy),
            _writing("UntagRole", tag_operations.untag_role),
            _writing("UntagUser", tag_operations.untag_user),
            _writing("UpdateAccessKey", access_key_operations.update_access_key),
            _writing("UpdateAssumeRolePolicy", role_operations.update_assume_role_policy),
            _writing("UpdateGroup", group_operations.update_group),
            _writing(
                "UpdateOpenIDConnectProviderThumbprint", provider_operations.update_open_id_connect_provider_thumbprint
            ),
            _writing("UpdateRole", role_operations.update_role),
            _writing("UpdateRoleDescription", role_operations.update_role_description),
            _writing("UpdateUser", user_operations.update_user),
        ]
    ),
    notes={KEY_USED: notes.access_key_used, ROLE_USED: notes.role_used},
)
