"""What decides about a key, for questions before the fact (`holdfast can`, `holdfast who-can`). Decides nothing itself.

Nobody reaches a key but through its policy. An AWS managed key that nobody has used yet has its policy already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api.base import ServiceError
from holdfast.services.arn import parse_arn
from holdfast.services.kms import records
from holdfast.services.kms.authorization import KeyContext, policy_of
from holdfast.services.kms.grant_records import all_grants
from holdfast.services.kms.identifiers import alias_arn, key_arn, parse_key_id
from holdfast.services.kms.keys import ManagedToBe
from holdfast.services.kms.policies import MANAGED_KEYS
from holdfast.services.service import Guard

if TYPE_CHECKING:
    from holdfast.access.grounds import GrantStatement
    from holdfast.services.call import Call


def guard(call: Call, action: str, resource: str) -> Guard:
    """The policy, the grants and the condition keys of a key, named in any of the four ways; or of what is no key."""
    try:
        reference = parse_key_id(resource, call.account, call.region)
    except ServiceError:
        arn = parse_arn(resource)
        return Guard(resource, arn.account if arn is not None and arn.account else call.account)
    account = reference.account
    if reference.alias:
        row = call.tx.one(records.READ_KEY_BY_ALIAS, account, call.region, reference.alias)
    else:
        row = call.tx.one(records.READ_KEY, account, call.region, reference.key_id)
    key = records.key_of_row(row)
    if key is not None:
        context = dict(KeyContext(call, account, key, request_alias=reference.alias))
        arn = key_arn(call.partition, call.region, account, key.key_id)
        grants = grants_of(call, account, key.key_id) if key.grants else ()
        return Guard(arn, account, policy_of(call, account, key), "key", grants, context)
    if not reference.alias:
        return Guard(key_arn(call.partition, call.region, account, reference.key_id), account, kind="key")
    named = alias_arn(call.partition, call.region, account, reference.alias)
    managed = MANAGED_KEYS.get(reference.alias)
    if managed is None:
        return Guard(named, account, kind="key")
    return Guard(named, account, policy_of(call, account, ManagedToBe("", managed.service)), "key")


def grants_of(call: Call, account: str, key_id: str) -> tuple[GrantStatement, ...]:
    """The grants of a key, of every grantee: who can do something is asked of all of them."""
    return tuple(grant.statement() for grant in all_grants(call.tx, account, call.region, key_id))
