"""AddPermission, RemovePermission: statements of a topic's policy, by their labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdfast.api import sns as api
from holdfast.services.sns import records
from holdfast.services.sns.finding import find
from holdfast.services.sns.identifiers import invalid
from holdfast.services.sns.policies import (
    GRANTABLE,
    checked_policy,
    default_policy,
    statements_of,
    with_statement,
    without_statement,
)

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.sns.records import Topic

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"[0-9]{12}")


def _policy_of(call: Call, topic: Topic) -> str:
    return topic.policy or default_policy(call.partition, topic.key)


def add_permission(call: Call, value: api.AddPermissionInput) -> api.AddPermissionOutput:
    topic, arn = find(call, value.TopicArn, "sns:AddPermission")
    label, accounts, actions = value.Label or "", value.AWSAccountId or [], value.ActionName or []
    if _LABEL.fullmatch(label) is None:
        raise invalid("Label")
    if not accounts or not all(_ACCOUNT.fullmatch(account) for account in accounts):
        raise invalid("AWSAccountId")
    for action in actions:
        if action not in GRANTABLE:
            raise invalid("Policy statement action out of service scope!")
    if not actions:
        raise invalid("ActionName")
    text = _policy_of(call, topic)
    if any(statement.get("Sid") == label for statement in statements_of(text)):
        raise invalid("Statement already exists")
    after = topic._replace(policy=checked_policy(call, with_statement(text, label, accounts, actions, arn)))
    records.write_topic(call.tx, after)
    return api.AddPermissionOutput()


def remove_permission(call: Call, value: api.RemovePermissionInput) -> api.RemovePermissionOutput:
    """Take a statement away; no error when there is none of the label."""
    topic, _ = find(call, value.TopicArn, "sns:RemovePermission")
    text = without_statement(_policy_of(call, topic), value.Label or "")
    if text is not None:
        if not statements_of(text):
            raise invalid("Policy Error: a policy must have a statement")
        records.write_topic(call.tx, topic._replace(policy=text))
    return api.RemovePermissionOutput()
