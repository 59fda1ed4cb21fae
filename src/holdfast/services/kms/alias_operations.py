"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases.

An alias operation is authorized on the alias and on every key it touches, so nobody takes a key over by naming it.
"""

from __future__ import annotations

from holdfast.access.decision import Context
from holdfast.api import kms
from holdfast.api.base import ValidationException
from holdfast.services.call import Call
from holdfast.services.kms import keys, records, rules
from holdfast.services.kms.identifiers import ALIAS_PREFIX, alias_arn, alias_not_found, check_alias_name, parse_key_id
from holdfast.services.kms.keys import Found
from holdfast.services.kms.pages import page_limit, position, truncated
from holdfast.services.kms.policies import MANAGED_KEYS
from holdfast.services.kms.records import Alias
from holdfast.store.transaction import Row


def create_alias(call: Call, value: kms.CreateAliasRequest) -> kms.CreateAliasOutput:
    """Another name for a key of this account and Region."""
    name, arn = _authorize_alias(call, value.AliasName, "kms:CreateAlias")
    target = _target(call, value.TargetKeyId, "kms:CreateAlias")
    if records.read_alias(call.tx, call.account, call.region, name) is not None:
        raise kms.AlreadyExistsException(f"An alias with the name {arn} already exists")
    _check_target(call, target)
    call.tx.run(records.INSERT_ALIAS, call.account, call.region, name, target.key.key_id, call.now, call.now)
    return kms.CreateAliasOutput()


def update_alias(call: Call, value: kms.UpdateAliasRequest) -> kms.UpdateAliasOutput:
    """Let an alias name another key. The key it named before may be in any state."""
    name, arn = _authorize_alias(call, value.AliasName, "kms:UpdateAlias")
    target = _target(call, value.TargetKeyId, "kms:UpdateAlias")
    alias = records.read_alias(call.tx, call.account, call.region, name)
    if alias is None:
        raise alias_not_found(arn)
    if alias.key_id != target.key.key_id:
        keys.manage(call, alias.key_id, "kms:UpdateAlias")
        _check_target(call, target)
    else:
        rules.require_not_pending(target.key.lifecycle.state, target.arn)
    call.tx.run(records.WRITE_ALIAS, target.key.key_id, call.now, call.account, call.region, name)
    return kms.UpdateAliasOutput()


def delete_alias(call: Call, value: kms.DeleteAliasRequest) -> kms.DeleteAliasOutput:
    """Remove a name; the key stays, and may be in any state."""
    name, arn = _authorize_alias(call, value.AliasName, "kms:DeleteAlias")
    alias = records.read_alias(call.tx, call.account, call.region, name)
    if alias is None:
        raise alias_not_found(arn)
    keys.manage(call, alias.key_id, "kms:DeleteAlias")
    call.tx.run(records.DELETE_ALIAS, call.account, call.region, name)
    return kms.DeleteAliasOutput()


def _authorize_alias(call: Call, name: str | None, action: str) -> tuple[str, str]:
    """A customer's alias, valid and authorized: its name and its ARN."""
    assert name is not None
    check_alias_name(name)
    arn = alias_arn(call.partition, call.region, call.account, name)
    context: Context = {"kms:CallerAccount": call.account}
    call.authorize(action, arn, context)
    return name, arn


def _target(call: Call, key_id: str | None, action: str) -> Found:
    assert key_id is not None
    if key_id.startswith(ALIAS_PREFIX) or parse_key_id(key_id, call.account, call.region).alias:
        raise ValidationException("Aliases must refer to keys. Not aliases")
    return keys.manage(call, key_id, action)


def _check_target(call: Call, target: Found) -> None:
    rules.require_not_pending(target.key.lifecycle.state, target.arn)
    counted = call.tx.one(records.COUNT_ALIASES_OF_KEY, call.account, call.region, target.key.key_id)
    rules.check_alias_count(counted[0] if counted else 0, target.arn)


def list_aliases(call: Call, value: kms.ListAliasesRequest) -> kms.ListAliasesResponse:
    """The aliases of the account and Region, or of one key.

    AWS's own aliases are listed before their keys exist, then without a key.
    """
    call.authorize("kms:ListAliases", "*")
    limit = page_limit(value.Limit, 50, 100)
    if value.KeyId is not None:
        key_id = keys.known(call, value.KeyId, "kms:ListAliases")
        after = position(call, "ListAliases", key_id, value.Marker)
        rows = call.tx.all(records.LIST_ALIASES_OF_KEY, call.account, call.region, key_id, after, limit + 1)
        next_marker = truncated(call, "ListAliases", key_id, rows, limit)
    else:
        after = position(call, "ListAliases", None, value.Marker)
        rows = call.tx.all(records.LIST_ALIASES, call.account, call.region, after, limit + 1)
        rows = _with_predefined(rows, after, limit + 1)
        next_marker = truncated(call, "ListAliases", None, rows, limit)
    return kms.ListAliasesResponse(
        Aliases=[_entry(call, Alias(*row)) for row in rows[:limit]],
        NextMarker=next_marker,
        Truncated=next_marker is not None,
    )


def _with_predefined(rows: list[Row], after: str, most: int) -> list[Row]:
    """The first `most` of the rows and of AWS's aliases that have no key yet, in the order of their names."""
    present = {row[0] for row in rows}
    end = rows[-1][0] if len(rows) == most else None
    missing: list[Row] = [
        (name, "", 0, 0)
        for name in MANAGED_KEYS
        if name not in present and name > after and (end is None or name < end)
    ]
    return sorted([*rows, *missing])[:most]


def _entry(call: Call, alias: Alias) -> kms.AliasListEntry:
    arn = alias_arn(call.partition, call.region, call.account, alias.name)
    if not alias.key_id:
        return kms.AliasListEntry(AliasName=alias.name, AliasArn=arn)
    return kms.AliasListEntry(
        AliasName=alias.name,
        AliasArn=arn,
        TargetKeyId=alias.key_id,
        CreationDate=alias.created / 1000,
        LastUpdatedDate=alias.updated / 1000,
    )
