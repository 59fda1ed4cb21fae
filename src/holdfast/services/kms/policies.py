"""Key policies: the default one, the fixed ones of AWS managed keys, and what a customer may set.

INVARIANT: a policy that is stored is a policy that is honoured. Accounts have one principal so far, their root user,
and nobody else's access is evaluated. So a customer's policy is taken when it says for everyone who can call today what
is enforced: the account's root user may do everything. One that takes something from the root user, denies, or opens
the key to other accounts is refused by name instead of stored and ignored.

Sources: KMS developer guide, "Default key policy"; Secrets Manager user guide, "Permissions for the KMS key"; KMS API
reference, PutKeyPolicy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import msgspec

from holdfast.api.kms import LimitExceededException, MalformedPolicyDocumentException, UnsupportedOperationException

POLICY_NAME = "default"
MAXIMUM_SIZE = 32 * 1024
"""Bytes of a key policy (KMS developer guide, "Resource quotas")."""

_INVALID_PRINCIPALS = "Policy contains a statement with one or more invalid principals."
_LOCKED_OUT = "The new key policy will not allow you to update the key policy in the future."
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
                    "Sid": "Enable IAM User Permissions",
                    "Effect": "Allow",
                    "Principal": {"AWS": root_arn(partition, account)},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )


def managed_policy(service: str, partition: str, account: str, region: str) -> str:
    """The fixed policy of the AWS managed key of a service; `managed_key_allows` decides by it."""
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


def _matches(action: str, patterns: tuple[str, ...]) -> bool:
    return any(action.startswith(p[:-1]) if p.endswith("*") else action == p for p in patterns)


def managed_key_allows(service: str, action: str, via_service: str, same_account: bool) -> bool:
    """Whether the fixed policy of a service's managed key allows an action, made through `via_service` or directly.

    A service calls KMS in its own Region, which is the key's, so no Region is asked for.
    """
    if not same_account:
        return False
    managed = _BY_SERVICE[service]
    if via_service == service and _matches(action, managed.actions + managed.actions_of_all_regions):
        return True
    return _matches(action, managed.metadata_actions)


class _Statement(NamedTuple):
    allows: bool
    principals: frozenset[str]
    """`root`, `everyone`, `service`, `foreign`."""
    actions: tuple[str, ...]
    """Empty for NotAction."""
    condition: dict[str, Any]


def check_key_policy(text: str, partition: str, account: str, *, bypass_lockout_check: bool) -> None:
    """Return when a customer's policy can be stored, since it is what Holdfast enforces.

    Raises MalformedPolicyDocumentException for what AWS refuses too, LimitExceededException for its size, and
    UnsupportedOperationException for what would need an evaluation that is not there.
    """
    if len(text.encode()) > MAXIMUM_SIZE:
        raise LimitExceededException(f"A key policy can have at most {MAXIMUM_SIZE} bytes.")
    statements = [_statement(raw, partition, account) for raw in _raw_statements(text)]
    if not bypass_lockout_check and not any(_keeps_root(s, "kms:putkeypolicy") for s in statements):
        raise MalformedPolicyDocumentException(_LOCKED_OUT)
    for statement in statements:
        if not statement.allows:
            raise UnsupportedOperationException("Key policies with Deny statements are not implemented.")
        if "foreign" in statement.principals or (
            "everyone" in statement.principals and not _only_own_account(statement.condition, account)
        ):
            raise UnsupportedOperationException("Key policies that give access to other accounts are not implemented.")
    if not any(_keeps_root(s, "kms:*") for s in statements):
        raise UnsupportedOperationException(
            "Key policies that give the account's root user less than kms:* are not implemented."
        )


def _raw_statements(text: str) -> Iterator[dict[str, Any]]:
    try:
        document = msgspec.json.decode(text.encode(), type=dict[str, Any])
    except msgspec.DecodeError:
        raise MalformedPolicyDocumentException("The policy is not a JSON object.") from None
    if document.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
        raise MalformedPolicyDocumentException("The policy has an unknown Version.")
    raw = document.get("Statement")
    found = cast("list[Any]", raw) if isinstance(raw, list) else [raw]
    for statement in found:
        if not isinstance(statement, dict):
            raise MalformedPolicyDocumentException("The policy needs a Statement.")
        yield cast("dict[str, Any]", statement)


def _texts(value: Any) -> tuple[str, ...]:
    """One string, or a list of them."""
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise MalformedPolicyDocumentException("The policy has an element that is not a string or a list of strings.")
    return tuple(items)


def _statement(raw: dict[str, Any], partition: str, account: str) -> _Statement:
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise MalformedPolicyDocumentException("A statement of the policy needs the Effect Allow or Deny.")
    if ("Action" in raw) == ("NotAction" in raw):
        raise MalformedPolicyDocumentException("A statement of the policy needs an Action or a NotAction.")
    actions = _texts(raw["Action"] if "Action" in raw else raw["NotAction"])
    if _texts(raw.get("Resource")) != ("*",):
        raise MalformedPolicyDocumentException('A statement of the policy needs the Resource "*".')
    condition = raw.get("Condition", {})
    if not isinstance(condition, dict):
        raise MalformedPolicyDocumentException("A Condition of the policy is not an object.")
    if "NotPrincipal" in raw:
        raise UnsupportedOperationException("Key policies with NotPrincipal are not implemented.")
    return _Statement(
        allows=raw["Effect"] == "Allow",
        principals=frozenset(_principals(raw.get("Principal"), partition, account)),
        actions=tuple(a.lower() for a in actions) if "Action" in raw else (),
        condition=cast("dict[str, Any]", condition),
    )


def _principals(value: Any, partition: str, account: str) -> Iterator[str]:
    if value == "*":
        yield "everyone"
        return
    if not isinstance(value, dict) or not value:
        raise MalformedPolicyDocumentException(_INVALID_PRINCIPALS)
    for kind, names in cast("dict[str, Any]", value).items():
        for name in _texts(names):
            yield _principal(kind, name, partition, account)


def _principal(kind: str, name: str, partition: str, account: str) -> str:
    if kind == "Service" and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
        return "service"
    if kind == "AWS":
        if name == "*":
            return "everyone"
        if name in (account, root_arn(partition, account)):
            return "root"
        named = re.fullmatch(rf"(?:arn:{partition}:(?:iam|sts)::)?([0-9]{{12}})(?::.+)?", name)
        if named and named.group(1) != account:
            return "foreign"
    # A user or role of this account: AWS stores only those that exist, and none does.
    raise MalformedPolicyDocumentException(_INVALID_PRINCIPALS)


def _keeps_root(statement: _Statement, action: str) -> bool:
    """Whether a statement gives the root user `action`, whatever the circumstances."""
    if not statement.allows or statement.condition or not statement.principals & {"root", "everyone"}:
        return False
    return any(p == action or (p.endswith("*") and action.startswith(p[:-1])) for p in statement.actions)


def _only_own_account(condition: dict[str, Any], account: str) -> bool:
    """Whether a condition keeps other accounts out."""
    equals = condition.get("StringEquals")
    if not isinstance(equals, dict):
        return False
    wanted = {key.lower(): value for key, value in cast("dict[str, Any]", equals).items()}
    return any(wanted.get(key) in (account, [account]) for key in ("kms:calleraccount", "aws:principalaccount"))
