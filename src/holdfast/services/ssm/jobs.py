"""What Parameter Store does by itself when its moment has come: parameter policies.

One job for each parameter that has a policy still to act, due when the first of them is. It reads the policies again, for
they may have changed since, and marks what has acted in the transaction in which it acts: once for each due moment,
whatever happens in between. After an outage what was due meanwhile acts once, in the order in which it was due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.ssm import events, policies, records
from holdfast.services.ssm.policies import EXPIRATION
from holdfast.services.ssm.rules import PUBLIC

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.ssm.records import Parameter

APPLY_POLICIES = "ssm.apply-policies"


def schedule_policies(call: Call, path: str, before: str, after: str) -> None:
    """Have the policies of a parameter act in time. `before` and `after` are columns of policies."""
    due = policies.next_due(policies.decode(after)) if after else None
    if due is not None:
        call.schedule(APPLY_POLICIES, path, due)
    elif before:
        call.cancel(APPLY_POLICIES, path)


def delete(call: Call, found: Parameter) -> None:
    """Delete a parameter with everything that belongs to it, its job included, and tell of it."""
    records.delete_parameter(call.tx, found.account, call.region, found.path, found.tier)
    if found.account != PUBLIC:
        schedule_policies(call, found.path, found.settings.policies, "")
    events.changed(call, found.account, found.path, found.name, found.settings, events.DELETE)


def apply_policies(call: Call, subject: str, payload: dict[str, Any]) -> None:
    """Let the policies of a parameter act that are due now."""
    found = records.read_parameter(call.tx, call.account, call.region, subject)
    if found is None:
        return
    before = found.settings.policies
    after, acted = policies.act(policies.decode(before), call.now)
    for policy in acted:
        expired = policy.type == EXPIRATION
        detail = events.policy_action_detail(
            policy.type, policy.text, found.name, found.type, events.EXPIRED if expired else ""
        )
        events.policy_acted(call, subject, detail)
        if expired:
            delete(call, found)
            return
    text = policies.encode(after)
    if acted:
        records.write_policies(call.tx, found, call.region, text)
    schedule_policies(call, subject, before, text)
