"""Key policies: the default one, the fixed ones of AWS managed keys, what customers set; and each of them compiled.

INVARIANT: the policy that GetKeyPolicy shows is the policy that decides. The default and the fixed ones are documents
like any other, and are compiled from the same text that is shown.

Sources: KMS developer guide, "Default key policy" and "Creating a key policy"; Secrets Manager user guide, "Permissions
for the KMS key"; KMS API reference, PutKeyPolicy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from holdfast.access.document import PolicyError, parse
from holdfast.access.policy import CompiledPolicy, PolicyKind, compile_policy
from holdfast.api.kms import LimitExceededException, MalformedPolicyDocumentException
from holdfast.remember import remember

POLICY_NAME = "default"
DEFAULT_POLICY = "default key policy"
"""What decisions call it."""
DEFAULT_POLICY_SID = "Enable IAM User Permissions"
MAXIMUM_SIZE = 32 * 1024
"""Bytes of a key policy (KMS developer guide, "Resource quotas")."""
INVALID_PRINCIPALS = "Policy contains a statement with one or more invalid principals."
LOCKED_OUT = "The new key policy will not allow you to update the key policy in the future."

_METADATA_ACTIONS = ("kms:Describe*", "kms:Get*", "kms:List*")


class ManagedKey(NamedTuple):
    """An AWS managed key that a service uses when a customer names none."""

    service: str
    alias: str
    description: str
    policy_id: str
    sid: str
    actions: tuple[str, ...]
    """What principals of the account may do through the service in the key's Region."""
    actions_of_all_regions: tuple[str, ...]
    """What they may do through the service in any Region."""
    metadata_actions: tuple[str, ...]
    """What they may do directly, if their IAM policies allow it."""


MANAGED_KEYS = {
    managed.alias: managed
    for managed in (
        ManagedKey(
            "secretsmanager",
            "alias/aws/secretsmanager",
            "Default key that protects my Secrets Manager data when no other key is defined",
            "auto-secretsmanager-2",
            "Allow access through AWS Secrets Manager for all principals in the account that are authorized to use"
            " AWS Secrets Manager",
            ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:CreateGrant", "kms:DescribeKey"),
            ("kms:GenerateDataKey*",),
            (*_METADATA_ACTIONS, "kms:RevokeGrant"),
        ),
        ManagedKey(
            "ssm",
            "alias/aws/ssm",
            "Default key that protects my SSM parameters when no other key is defined",
            "auto-ssm-1",
            "Allow access through SSM for all principals in the account that are authorized to use SSM",
            ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"),
            (),
            _METADATA_ACTIONS,
        ),
    )
}
"""By alias."""

_BY_SERVICE = {managed.service: managed for managed in MANAGED_KEYS.values()}


def _indented(document: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def root_arn(partition: str, account: str) -> str:
    return f"arn:{partition}:iam::{account}:root"


def default_policy(partition: str, account: str) -> str:
    """The policy of a key that was made without one: IAM policies of the account decide."""
    return _indented(
        {
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [
                {
                    "Sid": DEFAULT_POLICY_SID,
                    "Effect": "Allow",
                    "Principal": {"AWS": root_arn(partition, account)},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )


def managed_policy(service: str, partition: str, account: str, region: str) -> str:
    """The fixed policy of the AWS managed key of a service."""
    managed = _BY_SERVICE[service]
    statements: list[dict[str, Any]] = [
        _through_service(
            managed,
            managed.actions,
            {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}},
        )
    ]
    if managed.actions_of_all_regions:
        condition = {
            "StringEquals": {"kms:CallerAccount": account},
            "StringLike": {"kms:ViaService": f"{service}.*.amazonaws.com"},
        }
        statements.append(_through_service(managed, managed.actions_of_all_regions, condition))
    statements.append(
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": root_arn(partition, account)},
            "Action": list(managed.metadata_actions),
            "Resource": "*",
        }
    )
    return _indented({"Version": "2012-10-17", "Id": managed.policy_id, "Statement": statements})


def _through_service(managed: ManagedKey, actions: tuple[str, ...], condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Sid": managed.sid,
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": list(actions),
        "Resource": "*",
        "Condition": condition,
    }


def policy_text(managed_for: str, text: str, partition: str, account: str, region: str) -> str:
    """The policy of a key whose row says `managed_for` and `text`."""
    if managed_for:
        return managed_policy(managed_for, partition, account, region)
    return text or default_policy(partition, account)


def compiled_policy(managed_for: str, text: str, partition: str, account: str, region: str) -> CompiledPolicy:
    """The same, compiled. Most keys have no text of their own, and share what is compiled for their account."""
    if text:
        return _written.get(text) or remember(_written, text, _compile(text, "key policy"), 512)
    kind = (managed_for, partition, account, region if managed_for else "")
    return _predefined.get(kind) or remember(_predefined, kind, _predefine(*kind), 4096)


_written: Final[dict[str, CompiledPolicy]] = {}
_predefined: Final[dict[tuple[str, str, str, str], CompiledPolicy]] = {}


def _predefine(managed_for: str, partition: str, account: str, region: str) -> CompiledPolicy:
    name = f"fixed policy of alias/aws/{managed_for}" if managed_for else DEFAULT_POLICY
    return _compile(policy_text(managed_for, "", partition, account, region), name)


def _compile(text: str, name: str) -> CompiledPolicy:
    return compile_policy(_with_resources(text), name=name, kind=PolicyKind.KEY)


def new_policy(text: str) -> CompiledPolicy:
    """A customer's policy, compiled. Raises MalformedPolicyDocumentException, LimitExceededException for its size."""
    if len(text.encode()) > MAXIMUM_SIZE:
        raise LimitExceededException(f"A key policy can have at most {MAXIMUM_SIZE} bytes.")
    try:
        return _compile(text, "key policy")
    except PolicyError as error:
        message = INVALID_PRINCIPALS if error.about == "principal" else error.message
        raise MalformedPolicyDocumentException(message) from None


def _with_resources(text: str) -> str:
    """The policy with an element that matches nothing where a statement has no Resource.

    "If the required Resource element is missing from a key policy statement, the policy statement has no effect" (KMS
    developer guide, "Creating a key policy"): KMS takes such a policy, the common grammar does not.
    """
    document = parse(text)
    if not isinstance(document, Mapping):
        return text
    found = document.get("Statement")
    statements = found if isinstance(found, Sequence) and not isinstance(found, str) else [found]
    if all(not isinstance(each, Mapping) or "Resource" in each or "NotResource" in each for each in statements):
        return text
    repaired = [
        {**each, "NotResource": "*"}
        if isinstance(each, Mapping) and "Resource" not in each and "NotResource" not in each
        else each
        for each in statements
    ]
    return json.dumps({**document, "Statement": repaired})
