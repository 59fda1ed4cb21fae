"""PutTargets, RemoveTargets, ListTargetsByRule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import events as api
from holdfast.services.events import records
from holdfast.services.events.finding import find_rule
from holdfast.services.events.pages import page
from holdfast.services.events.roles import pass_role
from holdfast.services.events.rule_operations import EXCEEDED
from holdfast.services.events.tags import one_or_several
from holdfast.services.events.targets import MOST_TARGETS, WITH_ROLE, check_target, decode_target, encode_target

if TYPE_CHECKING:
    from holdfast.services.call import Call


def put_targets(call: Call, value: api.PutTargetsRequest) -> api.PutTargetsResponse:
    """Add targets to a rule, or replace those with the same ids."""
    targets = value.Targets or []
    context = {"events:TargetArn": one_or_several([target.Arn or "" for target in targets])}
    rule = find_rule(call, "events:PutTargets", value.Rule, value.EventBusName, context)
    for target in targets:
        kind = check_target(call, target, rule.role)
        # The rule's role was given to the rule for other targets: whoever adds one that uses it gives it anew.
        role = target.RoleArn or (rule.role if kind in WITH_ROLE else "")
        if role:
            pass_role(call, role, rule.at.arn(call.partition))
    ids = {*records.target_ids(call.tx, rule.at), *(target.Id or "" for target in targets)}
    if len(ids) > MOST_TARGETS:
        raise api.LimitExceededException(EXCEEDED)
    for target in targets:
        call.tx.run(records.WRITE_TARGET, *rule.at, target.Id, target.Arn, encode_target(target))
    records.changed(call, rule.at.on)
    return api.PutTargetsResponse(FailedEntryCount=0, FailedEntries=[])


def remove_targets(call: Call, value: api.RemoveTargetsRequest) -> api.RemoveTargetsResponse:
    """Remove targets; an id that no target has is fine."""
    rule = find_rule(call, "events:RemoveTargets", value.Rule, value.EventBusName)
    for target_id in value.Ids or ():
        call.tx.run(records.REMOVE_TARGET, *rule.at, target_id)
    records.changed(call, rule.at.on)
    return api.RemoveTargetsResponse(FailedEntryCount=0, FailedEntries=[])


def list_targets_by_rule(call: Call, value: api.ListTargetsByRuleRequest) -> api.ListTargetsByRuleResponse:
    rule = find_rule(call, "events:ListTargetsByRule", value.Rule, value.EventBusName)
    rows, token = page(
        call,
        "ListTargetsByRule",
        [rule.at],
        value.NextToken,
        value.Limit,
        lambda after, count: call.tx.all(records.LIST_TARGETS, *rule.at, after, count),
        lambda row: row[0],
    )
    return api.ListTargetsByRuleResponse(Targets=[decode_target(row[1]) for row in rows], NextToken=token)
