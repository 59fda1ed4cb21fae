"""STS operations, in the model's order."""

from __future__ import annotations

from holdfast.api import sts
from holdfast.services.call import Call


def get_caller_identity(call: Call, value: sts.GetCallerIdentityRequest) -> sts.GetCallerIdentityResponse:
    """Account, ARN and user id of the caller.

    No permission is needed and no policy can deny it (STS API reference, GetCallerIdentity).
    """
    call.without_authorization("sts:GetCallerIdentity")
    principal = call.principal
    return sts.GetCallerIdentityResponse(UserId=principal.principal_id, Account=principal.account, Arn=principal.arn)
