"""Policies of topics: the default one, what AddPermission adds, their grammar, and the compiled form.

Users and roles are kept as `services/named_principals.py` says. SNS writes its actions `SNS:Publish`; the case does not
count.

INVARIANT: a stored text that does not compile raises, it is never left out.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from holdfast.access.decision import PolicyKind
from holdfast.access.policy import CompiledPolicy, PolicyError, compile_policy
from holdfast.services.named_principals import UnknownPrincipal, lasting_policy
from holdfast.services.sns.identifiers import TopicKey, invalid

if TYPE_CHECKING:
    from holdfast.services.call import Call

NAME = "policy of the topic"
LONGEST = 30 << 10
"""Bytes of a topic's policy (SNS quotas)."""
MOST_STATEMENTS = 100
GRANTABLE = (
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "Publish",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
)
"""Actions that AddPermission gives (API reference: "Valid values: any Amazon SNS action name")."""
_DEFAULT_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)


def default_policy(partition: str, topic: TopicKey) -> str:
    """What every topic begins with. No call has `AWS:SourceOwner`: it was for services that acted for the topic's owner
    and named neither themselves nor a source ("aws:SourceOwner is deprecated", developer guide)."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{name}" for name in _DEFAULT_ACTIONS],
        "Resource": topic.arn(partition),
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
    }
    return policy_text({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def policy_text(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _compile(text: str) -> CompiledPolicy:
    return compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)


_compiled = lru_cache(maxsize=1024)(_compile)


def compiled(partition: str, topic: TopicKey, text: str) -> CompiledPolicy:
    """The policy of a topic's row."""
    return _compiled(text or default_policy(partition, topic))


def checked_policy(call: Call, text: str) -> str:
    """A policy that somebody gives, with unique ids for users and roles; InvalidParameterException."""
    _check(text)
    try:
        return lasting_policy(call, text, kept_ids=True)
    except UnknownPrincipal:
        raise invalid("Policy Error: PrincipalNotFound") from None


def _check(text: str) -> None:
    if len(text.encode()) > LONGEST:
        raise invalid("Policy Error: policy too long")
    try:
        compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)
    except PolicyError:
        raise invalid("Policy Error: null") from None
    found = statements_of(text)
    if len(found) > MOST_STATEMENTS:
        raise invalid(f"Policy Error: a policy can have {MOST_STATEMENTS} statements at most")
    for statement in found:
        actions = statement.get("Action", statement.get("NotAction", ()))
        for action in [actions] if isinstance(actions, str) else actions:
            if not (action == "*" or str(action).lower().startswith("sns:")):
                raise invalid("Policy statement action out of service scope!")


def statements_of(text: str) -> list[dict[str, Any]]:
    """The statements of a valid policy."""
    statements = cast("dict[str, Any]", json.loads(text))["Statement"]
    return cast("list[dict[str, Any]]", statements) if isinstance(statements, list) else [statements]


def with_statement(text: str, label: str, accounts: list[str], actions: list[str], arn: str) -> str:
    """A policy with the statement that AddPermission asks for."""
    document = cast("dict[str, Any]", json.loads(text))
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    names = [f"SNS:{action}" for action in actions]
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": names[0] if len(names) == 1 else names,
        "Resource": arn,
    }
    return policy_text({**document, "Statement": [*statements_of(text), statement]})


def without_statement(text: str, label: str) -> str | None:
    """A policy without the statement of a label; None when it has none."""
    document = cast("dict[str, Any]", json.loads(text))
    before = statements_of(text)
    left = [statement for statement in before if statement.get("Sid") != label]
    return None if len(left) == len(before) else policy_text({**document, "Statement": left})
