"""Honest answers about what nobody has here: passwords, MFA devices, certificates, SSH keys, instance profiles, SAML.

Clients ask for them before they delete a user or a role, and to find out what an account has. Making one is absent, so
an empty list is the truth; the users and roles that are asked about must exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam.owners import caller_name, find_role, find_user, root_arn

if TYPE_CHECKING:
    from holdfast.services.call import Call


def _subject(call: Call, name: str | None, action: str) -> str:
    """The user that is named, or the caller; its name, empty for the root user."""
    found = caller_name(call, name)
    if found is None:
        call.authorize(action, root_arn(call))
        return ""
    return find_user(call, found, action).name


def delete_login_profile(call: Call, value: iam.DeleteLoginProfileRequest) -> iam.DeleteLoginProfileOutput:
    """Nobody has a password."""
    name = _subject(call, value.UserName, "iam:DeleteLoginProfile")
    raise iam.NoSuchEntityException(f"Login Profile for User {name or call.account} cannot be found.")


def get_login_profile(call: Call, value: iam.GetLoginProfileRequest) -> iam.GetLoginProfileResponse:
    """Nobody has a password."""
    name = _subject(call, value.UserName, "iam:GetLoginProfile")
    raise iam.NoSuchEntityException(f"Login Profile for User {name or call.account} cannot be found.")


def list_instance_profiles(call: Call, value: iam.ListInstanceProfilesRequest) -> iam.ListInstanceProfilesResponse:
    """There are no machines to have profiles."""
    call.authorize("iam:ListInstanceProfiles", "*")
    return iam.ListInstanceProfilesResponse(InstanceProfiles=[], IsTruncated=False)


def list_instance_profiles_for_role(
    call: Call, value: iam.ListInstanceProfilesForRoleRequest
) -> iam.ListInstanceProfilesForRoleResponse:
    """None, of a role that exists."""
    find_role(call, value.RoleName, "iam:ListInstanceProfilesForRole")
    return iam.ListInstanceProfilesForRoleResponse(InstanceProfiles=[], IsTruncated=False)


def list_mfa_devices(call: Call, value: iam.ListMFADevicesRequest) -> iam.ListMFADevicesResponse:
    """None, of a user who exists."""
    _subject(call, value.UserName, "iam:ListMFADevices")
    return iam.ListMFADevicesResponse(MFADevices=[], IsTruncated=False)


def list_saml_providers(call: Call, value: iam.ListSAMLProvidersRequest) -> iam.ListSAMLProvidersResponse:
    """None."""
    call.authorize("iam:ListSAMLProviders", "*")
    return iam.ListSAMLProvidersResponse(SAMLProviderList=[])


def list_server_certificates(
    call: Call, value: iam.ListServerCertificatesRequest
) -> iam.ListServerCertificatesResponse:
    """None."""
    call.authorize("iam:ListServerCertificates", "*")
    return iam.ListServerCertificatesResponse(ServerCertificateMetadataList=[], IsTruncated=False)


def list_service_specific_credentials(
    call: Call, value: iam.ListServiceSpecificCredentialsRequest
) -> iam.ListServiceSpecificCredentialsResponse:
    """None, of a user who exists or of all."""
    if value.AllUsers:
        call.authorize("iam:ListServiceSpecificCredentials", "*")
    else:
        _subject(call, value.UserName, "iam:ListServiceSpecificCredentials")
    return iam.ListServiceSpecificCredentialsResponse(ServiceSpecificCredentials=[], IsTruncated=False)


def list_signing_certificates(
    call: Call, value: iam.ListSigningCertificatesRequest
) -> iam.ListSigningCertificatesResponse:
    """None, of a user who exists."""
    _subject(call, value.UserName, "iam:ListSigningCertificates")
    return iam.ListSigningCertificatesResponse(Certificates=[], IsTruncated=False)


def list_ssh_public_keys(call: Call, value: iam.ListSSHPublicKeysRequest) -> iam.ListSSHPublicKeysResponse:
    """None, of a user who exists."""
    _subject(call, value.UserName, "iam:ListSSHPublicKeys")
    return iam.ListSSHPublicKeysResponse(SSHPublicKeys=[], IsTruncated=False)


def list_virtual_mfa_devices(call: Call, value: iam.ListVirtualMFADevicesRequest) -> iam.ListVirtualMFADevicesResponse:
    """None."""
    call.authorize("iam:ListVirtualMFADevices", "*")
    return iam.ListVirtualMFADevicesResponse(VirtualMFADevices=[], IsTruncated=False)
