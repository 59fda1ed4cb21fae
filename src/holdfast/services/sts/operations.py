"""STS operations about the caller itself, in the model's order."""

from __future__ import annotations

from holdfast.access.principal import PrincipalKind
from holdfast.api import sts
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.call import Call
from holdfast.services.sts.credentials import issue
from holdfast.services.sts.rules import account_of_session_key, session_token_duration
from holdfast.services.sts.session_token import SessionKind

OWN_CREDENTIALS = {PrincipalKind.ROOT: SessionKind.ROOT, PrincipalKind.USER: SessionKind.USER}
"""Whose long-term keys can be exchanged for a session of their own."""

NO_SUCH_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and "
    "associated with this user."
)


def refuse_devices(serial_number: str | None, token_code: str | None) -> None:
    """AWS's answer to a device that the caller does not have: nobody has one here."""
    if serial_number is not None or token_code is not None:
        raise AccessDeniedException(NO_SUCH_DEVICE)


def get_access_key_info(call: Call, value: sts.GetAccessKeyInfoRequest) -> sts.GetAccessKeyInfoResponse:
    """The account that an access key belongs to, whatever the key's state.

    GetSessionToken's credentials may call no other STS operation than AssumeRole and GetCallerIdentity.
    """
    call.authorize("sts:GetAccessKeyInfo", "*")
    if call.identity.session is not None and call.principal.kind in OWN_CREDENTIALS:
        raise AccessDeniedException("Cannot call GetAccessKeyInfo with session credentials")
    assert value.AccessKeyId is not None
    principals = call.surroundings.principals
    account = account_of_session_key(value.AccessKeyId)
    if account is None or not principals.account_exists(call.tx, account):
        account = principals.account_of_key(call.tx, value.AccessKeyId)
    if account is None:
        raise ValidationException("The specified access key id does not exist.")
    return sts.GetAccessKeyInfoResponse(Account=account)


def get_caller_identity(call: Call, value: sts.GetCallerIdentityRequest) -> sts.GetCallerIdentityResponse:
    """Account, ARN and user id of the caller.

    No permission is needed and no policy can deny it (STS API reference, GetCallerIdentity).
    """
    call.without_authorization("sts:GetCallerIdentity")
    principal = call.principal
    return sts.GetCallerIdentityResponse(UserId=principal.principal_id, Account=principal.account, Arn=principal.arn)


def get_session_token(call: Call, value: sts.GetSessionTokenRequest) -> sts.GetSessionTokenResponse:
    """Temporary credentials of the user or root user whose long-term key signed.

    No permission is needed and no policy can deny it (STS API reference, GetSessionToken).
    """
    call.without_authorization("sts:GetSessionToken")
    principal = call.principal
    kind = OWN_CREDENTIALS.get(principal.kind)
    if kind is None or call.identity.session is not None:
        raise AccessDeniedException("Cannot call GetSessionToken with session credentials")
    refuse_devices(value.SerialNumber, value.TokenCode)
    issued = issue(
        call,
        kind,
        principal.account,
        principal.principal_id,
        principal.arn.rsplit("/", 1)[1] if kind is SessionKind.USER else "",
        session_token_duration(value.DurationSeconds, root=kind is SessionKind.ROOT),
        minimum_token_size=value.MinimumSessionTokenSize or 0,
    )
    return sts.GetSessionTokenResponse(
        Credentials=issued.credentials, SessionTokenUtilization=issued.utilization, SessionTokenSize=issued.token_size
    )
