"""From the KeyId of a request to an authorized key, and what changes a key's row.

INVARIANT: a key is read, then authorized, and only then is anything about it told: whether it exists included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from holdfast.access.decision import denial_text
from holdfast.api.base import AccessDeniedException
from holdfast.remember import remember
from holdfast.services.kms import events, records
from holdfast.services.kms.authorization import SYMMETRIC, KeyContext, Suits, authorize, deny
from holdfast.services.kms.identifiers import (
    KeyReference,
    alias_arn,
    alias_not_found,
    key_arn,
    key_not_found,
    parse_key_id,
    parse_key_id_without_alias,
)
from holdfast.services.kms.policies import MANAGED_KEYS, ManagedKey
from holdfast.services.kms.records import Key, KeyInUse
from holdfast.services.kms.rules import DAY, DEFAULT_ROTATION_PERIOD, DELETE_JOB, ROTATE_JOB, Lifecycle, due_jobs

if TYPE_CHECKING:
    from holdfast.access.decision import Context
    from holdfast.services.call import Call
    from holdfast.store.transaction import Row


_CRYPTOGRAPHIC: Context = {"kms:EncryptionAlgorithm": SYMMETRIC}


def cryptographic(more: Context | None) -> Context:
    """The condition keys that all cryptographic operations have, and those of one of them.

    "The kms:EncryptionAlgorithm condition key is effective for symmetric and asymmetric KMS keys", also where the request
    does not name the algorithm (KMS developer guide, "AWS KMS condition keys").
    """
    return _CRYPTOGRAPHIC if more is None else {**_CRYPTOGRAPHIC, **more}


class Found(NamedTuple):
    """A key that the caller may do something with."""

    key: Key
    arn: str
    account: str


class FoundInUse:
    """A key, with one of its materials, that the caller may use. Its state is still to be asked for."""

    __slots__ = ("account", "arn", "key", "region")

    def __init__(self, key: KeyInUse, arn: str, account: str, region: str) -> None:
        self.key = key
        self.arn = arn
        self.account = account
        self.region = region
        """The key's own, not the caller's."""


def arn_of(call: Call, account: str, key_id: str) -> str:
    return key_arn(call.partition, call.region, account, key_id)


def manage(call: Call, key_id: str | None, action: str, more: Context | None = None) -> Found:
    """The key of a management operation, authorized. It takes a key id or a key ARN of the caller's own account.

    "Cross-account use: No" of the KMS API reference is a denial, whatever policies say.
    """
    assert key_id is not None
    reference = parse_key_id_without_alias(key_id, call.account, call.region)
    if reference.account != call.account:
        decision = deny(call, action, arn_of(call, reference.account, reference.key_id), final=True)
        raise AccessDeniedException(denial_text(decision))
    return _found(call, reference, action, more)


def known(call: Call, key_id: str, action: str) -> str:
    """The id of a key of the caller's account, for an `action` on `*` that was authorized and asks no key policy."""
    reference = parse_key_id_without_alias(key_id, call.account, call.region)
    arn = arn_of(call, reference.account, reference.key_id)
    if reference.account != call.account:
        raise AccessDeniedException(denial_text(deny(call, action, arn)))
    if records.read_key(call.tx, call.account, call.region, reference.key_id) is None:
        raise key_not_found(arn)
    return reference.key_id


def describe(
    call: Call,
    key_id: str | None,
    action: str,
    *,
    aliases: bool,
    encryption_context: Mapping[str, str] | None = None,
    more: Context | None = None,
    suits: Suits | None = None,
) -> Found:
    """The key of an operation about a key of any account, authorized. `suits` says which grants count."""
    assert key_id is not None
    parse = parse_key_id if aliases else parse_key_id_without_alias
    return _found(call, parse(key_id, call.account, call.region), action, more, encryption_context, suits)


def _found(
    call: Call,
    reference: KeyReference,
    action: str,
    more: Context | None,
    encryption_context: Mapping[str, str] | None = None,
    suits: Suits | None = None,
) -> Found:
    account = reference.account
    if reference.alias:
        row = call.tx.one(records.READ_KEY_BY_ALIAS, account, call.region, reference.alias)
    else:
        row = call.tx.one(records.READ_KEY, account, call.region, reference.key_id)
    key = records.key_of_row(row)
    if key is None:
        key_id = _authorize_missing(
            call, reference, action, KeyContext(call, account, None, encryption_context, more=more)
        )
        created = records.read_key(call.tx, account, call.region, key_id)
        assert created is not None
        return Found(created, arn_of(call, account, key_id), account)
    arn = arn_of(call, account, key.key_id)
    context = KeyContext(call, account, key, encryption_context, reference.alias, more)
    authorize(call, action, arn, account, key, context, _alias_arn(call, reference), suits)
    return Found(key, arn, account)


def use(
    call: Call, key_id: str, action: str, encryption_context: Mapping[str, str] | None, more: Context | None = None
) -> FoundInUse:
    """The key of a cryptographic operation with its current material, authorized. All four forms are taken."""
    reference = parse_key_id(key_id, call.account, call.region)
    account = reference.account
    more = cryptographic(more)
    if reference.alias:
        row = call.tx.once(records.USE_ALIAS, account, call.region, reference.alias)
    else:
        row = call.tx.once(records.USE_KEY, account, call.region, reference.key_id)
    if row is None:
        context = KeyContext(call, account, None, encryption_context, reference.alias, more)
        row = call.tx.one(records.USE_KEY, account, call.region, _authorize_missing(call, reference, action, context))
        assert row is not None
        return in_use(call.partition, account, call.region, row)
    found = in_use(call.partition, account, call.region, row)
    key = found.key
    context = KeyContext(call, account, key, encryption_context, reference.alias, more)
    authorize(call, action, found.arn, account, key, context, _alias_arn(call, reference))
    return found


_in_use: Final[dict[tuple[str, str, str, Row], FoundInUse]] = {}


def in_use(partition: str, account: str, region: str, row: Row) -> FoundInUse:
    """What one row of the USE statements says, not authorized yet. The row itself is the name under which it is kept."""
    name = (partition, account, region, row)
    found = _in_use.get(name)
    if found is None:
        key = KeyInUse(*row)
        found = FoundInUse(key, key_arn(partition, region, account, key.key_id), account, region)
        remember(_in_use, name, found, 1024)
    return found


def key_id_of(call: Call, key_id: str) -> str:
    """The id of the key that one of the four forms names; empty when there is none. Nothing to tell the caller."""
    reference = parse_key_id(key_id, call.account, call.region)
    if not reference.alias:
        return reference.key_id
    alias = records.read_alias(call.tx, reference.account, call.region, reference.alias)
    return "" if alias is None else alias.key_id


def _alias_arn(call: Call, reference: KeyReference) -> str:
    """Empty when the key was named by its id."""
    if not reference.alias:
        return ""
    return alias_arn(call.partition, call.region, reference.account, reference.alias)


class ManagedToBe(NamedTuple):
    """An AWS managed key before its first use."""

    key_id: str
    managed_for: str
    policy: str = ""
    grants: int = 0


def _authorize_missing(call: Call, reference: KeyReference, action: str, context: Context) -> str:
    """Authorize an action on a key that does not exist; the id of the key if it is an AWS managed one, made now.

    The action is authorized before anything is made: a request that is refused leaves no key behind.
    """
    account = reference.account
    managed = MANAGED_KEYS.get(reference.alias) if account == call.account else None
    arn = _alias_arn(call, reference) or arn_of(call, account, reference.key_id)
    authorize(call, action, arn, account, None if managed is None else ManagedToBe("", managed.service), context)
    if managed is None:
        raise alias_not_found(arn) if reference.alias else key_not_found(arn)
    call.needs_write()
    return create_managed_key(call, managed)


def create_managed_key(call: Call, managed: ManagedKey) -> str:
    """The AWS managed key of a service, on its first use in an account and Region; its id.

    AWS rotates such keys every year (KMS API reference, EnableKeyRotation).
    """
    key_id = call.randomness.uuid4()
    period = DEFAULT_ROTATION_PERIOD
    lifecycle = Lifecycle(rotation_period=period, next_rotation=call.now + period * DAY)
    insert_key(call, key_id, lifecycle, managed_for=managed.service, description=managed.description, policy="")
    call.tx.run(records.INSERT_ALIAS, call.account, call.region, managed.alias, key_id, call.now, call.now)
    return key_id


def insert_key(
    call: Call, key_id: str, lifecycle: Lifecycle, *, managed_for: str, description: str, policy: str
) -> Key:
    """A new key with fresh material, in the caller's account."""
    material = call.vault.new_material(call.account, call.region, key_id)
    account, region, now = call.account, call.region, call.now
    call.tx.run(
        records.INSERT_KEY,
        account,
        region,
        key_id,
        managed_for,
        str(lifecycle.state),
        description,
        policy,
        now,
        lifecycle.deletion_due,
        material.material_id,
        lifecycle.rotation_period,
        lifecycle.next_rotation,
    )
    call.tx.run(records.INSERT_MATERIAL, account, region, key_id, material.material_id, 1, material.sealed, now, "")
    schedule_jobs(call, key_id, lifecycle)
    return Key(key_id, managed_for, description, policy, now, material.material_id, lifecycle)


def change_lifecycle(call: Call, key: Key, lifecycle: Lifecycle) -> None:
    """Write a key's new state and have exactly the jobs pending that it calls for."""
    if lifecycle == key.lifecycle:
        return
    call.tx.run(
        records.WRITE_LIFECYCLE,
        str(lifecycle.state),
        lifecycle.deletion_due,
        lifecycle.rotation_period,
        lifecycle.next_rotation,
        call.account,
        call.region,
        key.key_id,
    )
    schedule_jobs(call, key.key_id, lifecycle)


def schedule_jobs(call: Call, key_id: str, lifecycle: Lifecycle) -> None:
    """Have the jobs of `rules.due_jobs` pending for a key, and no other."""
    wanted = due_jobs(lifecycle)
    for kind in (DELETE_JOB, ROTATE_JOB):
        if kind in wanted:
            call.schedule(kind, key_id, wanted[kind])
        else:
            call.cancel(kind, key_id)


def rotate(call: Call, key: Key, rotation_type: str) -> str:
    """Give a key fresh material, which encrypts from now on; the older ones still decrypt. The new material's id.

    It is told of as an event.
    """
    key_id = key.key_id
    material = call.vault.new_material(call.account, call.region, key_id)
    newest = call.tx.one(records.NEWEST_SEQUENCE, call.account, call.region, key_id)
    assert newest is not None
    call.tx.run(
        records.INSERT_MATERIAL,
        call.account,
        call.region,
        key_id,
        material.material_id,
        newest[0] + 1,
        material.sealed,
        call.now,
        rotation_type,
    )
    call.tx.run(records.WRITE_CURRENT_MATERIAL, material.material_id, call.account, call.region, key_id)
    arn = arn_of(call, call.account, key_id)
    events.rotated(call, arn, key_id, rotation_type, key.material_id, material.material_id)
    return material.material_id
