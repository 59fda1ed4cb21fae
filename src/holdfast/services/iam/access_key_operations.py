"""Long-term access keys of users and of the root user, in the model's order.

A secret leaves the server once, in the answer of CreateAccessKey; what is stored is sealed under the root key for that
key id alone.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.principal import PrincipalKind
from holdfast.api import iam
from holdfast.services.iam import records, rules
from holdfast.services.iam.owners import caller_name, find_user, identity_tags, root_arn, user_arn
from holdfast.services.iam.pages import page_of
from holdfast.services.iam.shapes import KEY_USED
from holdfast.vault.registry import ACCESS_KEY_SECRET

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.iam.records import AccessKey

SECRET_ALPHABET = string.ascii_letters + string.digits + "+/"


class Holder(NamedTuple):
    """Whose keys a call is about."""

    kind: PrincipalKind
    id: str
    name: str
    arn: str


def _holder(call: Call, name: str | None, action: str) -> Holder:
    """The user that is named, or the caller; AccessDenied, then NoSuchEntity."""
    found = caller_name(call, name)
    if found is None:
        call.authorize(action, root_arn(call))
        return Holder(PrincipalKind.ROOT, call.account, "", root_arn(call))
    user = find_user(call, found, action)
    return Holder(PrincipalKind.USER, user.id, user.name, user_arn(call, user))


def _key(call: Call, holder: Holder, access_key_id: str | None) -> AccessKey:
    """A key of this holder; NoSuchEntity, also for somebody else's."""
    assert access_key_id is not None
    key = records.read_key(call.tx, access_key_id)
    if key is None or key.account != call.account or key.principal_id != holder.id:
        raise rules.key_not_found(access_key_id)
    return key


def _status(key: AccessKey) -> str:
    return "Active" if key.active else "Inactive"


def create_access_key(call: Call, value: iam.CreateAccessKeyRequest) -> iam.CreateAccessKeyResponse:
    """A new key, active at once. Its secret is in this answer and never again."""
    holder = _holder(call, value.UserName, "iam:CreateAccessKey")
    rules.check_quota("AccessKeysPerUser", len(records.keys_of(call.tx, call.account, holder.id)))
    key_id = "AKIA" + call.randomness.token(rules.ID_ALPHABET, 16)
    secret = call.randomness.token(SECRET_ALPHABET, 40)
    call.tx.run(
        records.INSERT_KEY,
        key_id,
        call.account,
        str(holder.kind),
        holder.id,
        holder.arn,
        call.vault.seal(ACCESS_KEY_SECRET, (key_id,), secret.encode()),
        call.now,
        holder.name,
    )
    return iam.CreateAccessKeyResponse(
        AccessKey=iam.AccessKey(
            UserName=holder.name or None,
            AccessKeyId=key_id,
            Status="Active",
            SecretAccessKey=secret,
            CreateDate=rules.seconds(call.now),
        )
    )


def delete_access_key(call: Call, value: iam.DeleteAccessKeyRequest) -> iam.DeleteAccessKeyOutput:
    """Delete a key: the next call that it signs is refused."""
    holder = _holder(call, value.UserName, "iam:DeleteAccessKey")
    key = _key(call, holder, value.AccessKeyId)
    call.tx.run(records.DELETE_KEY, call.account, key.id)
    return iam.DeleteAccessKeyOutput()


def get_access_key_last_used(call: Call, value: iam.GetAccessKeyLastUsedRequest) -> iam.GetAccessKeyLastUsedResponse:
    """When, for what service and in what Region a key last signed a call."""
    assert value.AccessKeyId is not None
    key = records.read_key(call.tx, value.AccessKeyId)
    if key is not None and key.account != call.account:
        key = None
    user = records.read_user(call.tx, call.account, key.user_name) if key is not None and key.user_name else None
    if user is None:
        arn = root_arn(call) if key is not None else rules.arn_of(call.partition, call.account, "user", "/", "*")
        call.authorize("iam:GetAccessKeyLastUsed", arn)
    else:
        call.authorize("iam:GetAccessKeyLastUsed", user_arn(call, user), identity_tags(user.tags))
    if key is None:
        raise rules.key_not_found(value.AccessKeyId)
    noted = call.pending_note(KEY_USED, key.id)
    used, service, region = noted or (key.last_used, key.last_used_service, key.last_used_region)
    return iam.GetAccessKeyLastUsedResponse(
        UserName=key.user_name or None,
        AccessKeyLastUsed=iam.AccessKeyLastUsed(
            LastUsedDate=rules.seconds(used) if used else None,
            ServiceName=service if used else "N/A",
            Region=region if used else "N/A",
        ),
    )


def list_access_keys(call: Call, value: iam.ListAccessKeysRequest) -> iam.ListAccessKeysResponse:
    """The keys of a user, or of the caller, without their secrets."""
    holder = _holder(call, value.UserName, "iam:ListAccessKeys")
    page = page_of(
        call,
        "ListAccessKeys",
        holder.id,
        value.Marker,
        value.MaxItems,
        lambda after, limit: records.keys_of(call.tx, call.account, holder.id, after[0] if after else "", limit),
        lambda key: [key.id],
    )
    return iam.ListAccessKeysResponse(
        AccessKeyMetadata=[
            iam.AccessKeyMetadata(
                UserName=key.user_name or None,
                AccessKeyId=key.id,
                Status=_status(key),
                CreateDate=rules.seconds(key.created),
            )
            for key in page.items
        ],
        IsTruncated=page.truncated,
        Marker=page.marker,
    )


def update_access_key(call: Call, value: iam.UpdateAccessKeyRequest) -> iam.UpdateAccessKeyOutput:
    """Make a key inactive, so that it signs nothing, or active again."""
    holder = _holder(call, value.UserName, "iam:UpdateAccessKey")
    key = _key(call, holder, value.AccessKeyId)
    if value.Status not in ("Active", "Inactive"):
        # The model also knows "Expired", which is a state and not a wish.
        raise iam.InvalidInputException(f"Invalid value for status: {value.Status}")
    call.tx.run(records.ACTIVATE_KEY, int(value.Status == "Active"), call.account, key.id)
    return iam.UpdateAccessKeyOutput()
