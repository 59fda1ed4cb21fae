"""What STS answers."""

from __future__ import annotations

from holdfast.api import sts
from holdfast.services.service import Service, absent_unsigned, read, unsigned
from holdfast.services.sts.guard import guard
from holdfast.services.sts.operations import get_access_key_info, get_caller_identity, get_session_token
from holdfast.services.sts.role_operations import assume_role
from holdfast.services.sts.web_identity_operations import assume_role_with_web_identity

SERVICE = Service(
    api=sts.API,
    operations={
        "AssumeRole": read(assume_role),
        "AssumeRoleWithSAML": absent_unsigned(sts.AssumeRoleWithSAML),
        "AssumeRoleWithWebIdentity": unsigned(assume_role_with_web_identity),
        "GetAccessKeyInfo": read(get_access_key_info),
        "GetCallerIdentity": read(get_caller_identity),
        "GetSessionToken": read(get_session_token),
    },
    guard=guard,
)
