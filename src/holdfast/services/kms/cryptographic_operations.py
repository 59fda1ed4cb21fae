"""Encrypt, Decrypt, ReEncrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom.

They change nothing, so they are reads. Order of checks: what the request says, the key, permission, the key's state,
the ciphertext.

Threat: a client that learns from an error why a ciphertext did not open. Whatever is wrong with one, the answer is
InvalidCiphertextException without a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from holdfast.access.decision import Context, Outcome
from holdfast.api import kms
from holdfast.api.base import ValidationException
from holdfast.services.call import Call
from holdfast.services.kms import keys, records
from holdfast.services.kms.authorization import (
    SYMMETRIC,
    KeyContext,
    check,
    ciphertext_denial,
    deny,
    let_in,
    without_policy,
)
from holdfast.services.kms.grants import check_grant_tokens
from holdfast.services.kms.keys import FoundInUse
from holdfast.services.kms.rules import DRY_RUN_TEXT, KeyState, require_usable, stop_dry_run
from holdfast.vault.errors import DecryptError
from holdfast.vault.kms_blob import BlobHeader, KeyMaterial, parse_header

ALLOW: Final = Outcome.ALLOW
_DecryptResponse: Final = kms.DecryptResponse
"""Found once, not by name in its module each time."""
IGNORE_CIPHERTEXT = "IGNORE_CIPHERTEXT"
KEEPS_DATA_KEYS: Final = "secretsmanager"
"""The service whose every ciphertext is a data key ("Secret encryption and decryption", Secrets Manager user guide). What
others have opened on a caller's behalf may be a value (Parameter Store's standard tier), and values are not kept."""
DATA_KEY_SIZES = {"AES_256": 32, "AES_128": 16}


def encrypt(call: Call, value: kms.EncryptRequest) -> kms.EncryptResponse:
    """A ciphertext of at most 4096 bytes under the key's current material."""
    assert value.KeyId is not None
    assert value.Plaintext is not None
    _check_algorithm(value.EncryptionAlgorithm)
    check_grant_tokens(call, value.GrantTokens)
    found = keys.use(call, value.KeyId, "kms:Encrypt", value.EncryptionContext)
    material = _usable_material(call, found)
    stop_dry_run(value.DryRun)
    blob = material.encrypt(value.EncryptionContext, value.Plaintext, call.randomness)
    return kms.EncryptResponse(CiphertextBlob=blob, KeyId=found.arn, EncryptionAlgorithm=SYMMETRIC)


def decrypt(call: Call, value: kms.DecryptRequest) -> kms.DecryptResponse:
    """The plaintext of a ciphertext, found and opened by the key and material that it names itself."""
    _check_algorithm(value.EncryptionAlgorithm)
    check_grant_tokens(call, value.GrantTokens)
    _check_recipient(value.Recipient)
    context = value.EncryptionContext
    if value.DryRunModifiers:
        _check_modifiers(value.DryRun, value.KeyId)
        assert value.KeyId is not None
        _require_usable_key(keys.use(call, value.KeyId, "kms:Decrypt", context))
        raise kms.DryRunOperationException(DRY_RUN_TEXT)
    blob = value.CiphertextBlob
    found, plaintext = _open(call, "kms:Decrypt", blob, _header(blob), value.KeyId, context)
    stop_dry_run(value.DryRun)
    return _DecryptResponse(
        KeyId=found.arn,
        Plaintext=plaintext,
        EncryptionAlgorithm=SYMMETRIC,
        KeyMaterialId=found.key.material_id,
    )


def re_encrypt(call: Call, value: kms.ReEncryptRequest) -> kms.ReEncryptResponse:
    """The same plaintext under another key, another context, or newer material; it does not leave the server."""
    assert value.DestinationKeyId is not None
    _check_algorithm(value.SourceEncryptionAlgorithm)
    _check_algorithm(value.DestinationEncryptionAlgorithm)
    check_grant_tokens(call, value.GrantTokens)
    source_context, target_context = value.SourceEncryptionContext, value.DestinationEncryptionContext
    if value.DryRunModifiers:
        _check_modifiers(value.DryRun, value.SourceKeyId)
        assert value.SourceKeyId is not None
        same = keys.key_id_of(call, value.DestinationKeyId) == keys.key_id_of(call, value.SourceKeyId)
        more: Context = {"kms:ReEncryptOnSameKey": same}
        _require_usable_key(keys.use(call, value.SourceKeyId, "kms:ReEncryptFrom", source_context, more))
        _require_usable_key(keys.use(call, value.DestinationKeyId, "kms:ReEncryptTo", target_context, more))
        raise kms.DryRunOperationException(DRY_RUN_TEXT)
    blob = value.CiphertextBlob
    header = _header(blob)
    same = keys.key_id_of(call, value.DestinationKeyId) == header.key_id
    more = {"kms:ReEncryptOnSameKey": same}
    source, plaintext = _open(call, "kms:ReEncryptFrom", blob, header, value.SourceKeyId, source_context, more)
    target = keys.use(call, value.DestinationKeyId, "kms:ReEncryptTo", target_context, more)
    material = _usable_material(call, target)
    stop_dry_run(value.DryRun)
    return kms.ReEncryptResponse(
        CiphertextBlob=material.encrypt(target_context, plaintext, call.randomness),
        SourceKeyId=source.arn,
        KeyId=target.arn,
        SourceEncryptionAlgorithm=SYMMETRIC,
        DestinationEncryptionAlgorithm=SYMMETRIC,
        SourceKeyMaterialId=source.key.material_id,
        DestinationKeyMaterialId=target.key.material_id,
    )


def generate_data_key(call: Call, value: kms.GenerateDataKeyRequest) -> kms.GenerateDataKeyResponse:
    """A random data key, in plaintext and encrypted under the KMS key."""
    assert value.KeyId is not None
    _check_recipient(value.Recipient)
    size = _data_key_size(value.KeySpec, value.NumberOfBytes)
    check_grant_tokens(call, value.GrantTokens)
    found = keys.use(call, value.KeyId, "kms:GenerateDataKey", value.EncryptionContext)
    material = _usable_material(call, found)
    stop_dry_run(value.DryRun)
    plaintext = call.randomness.bytes(size)
    return kms.GenerateDataKeyResponse(
        CiphertextBlob=material.encrypt(value.EncryptionContext, plaintext, call.randomness),
        Plaintext=plaintext,
        KeyId=found.arn,
        KeyMaterialId=found.key.material_id,
    )


def generate_data_key_without_plaintext(
    call: Call, value: kms.GenerateDataKeyWithoutPlaintextRequest
) -> kms.GenerateDataKeyWithoutPlaintextResponse:
    """A random data key, encrypted only: for someone else to decrypt later."""
    assert value.KeyId is not None
    size = _data_key_size(value.KeySpec, value.NumberOfBytes)
    check_grant_tokens(call, value.GrantTokens)
    found = keys.use(call, value.KeyId, "kms:GenerateDataKeyWithoutPlaintext", value.EncryptionContext)
    material = _usable_material(call, found)
    stop_dry_run(value.DryRun)
    blob = material.encrypt(value.EncryptionContext, call.randomness.bytes(size), call.randomness)
    return kms.GenerateDataKeyWithoutPlaintextResponse(
        CiphertextBlob=blob, KeyId=found.arn, KeyMaterialId=found.key.material_id
    )


def generate_random(call: Call, value: kms.GenerateRandomRequest) -> kms.GenerateRandomResponse:
    """Random bytes from the kernel."""
    call.authorize("kms:GenerateRandom", "*")
    _check_recipient(value.Recipient)
    if value.CustomKeyStoreId is not None:
        raise kms.UnsupportedOperationException("Custom key stores are not implemented: CustomKeyStoreId.")
    if value.NumberOfBytes is None:
        raise ValidationException("NumberOfBytes is required.")
    return kms.GenerateRandomResponse(Plaintext=call.randomness.bytes(value.NumberOfBytes))


# What the request says


def _check_algorithm(algorithm: str | None) -> None:
    if algorithm is not None and algorithm != SYMMETRIC:
        raise kms.InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {SYMMETRIC}.")


def _check_recipient(recipient: kms.RecipientInfo | None) -> None:
    if recipient is not None:
        raise kms.UnsupportedOperationException("Attestation documents are not implemented: Recipient.")


def _check_modifiers(dry_run: bool | None, key_id: str | None) -> None:
    if not dry_run:
        raise ValidationException("DryRunModifiers can be specified only when DryRun is true.")
    if key_id is None:
        raise ValidationException(f"A key must be specified when DryRunModifiers is {IGNORE_CIPHERTEXT}.")


def _data_key_size(spec: str | None, size: int | None) -> int:
    if (spec is None) == (size is None):
        raise ValidationException("Please specify either number of bytes or key spec.")
    return DATA_KEY_SIZES[spec] if spec is not None else size or 0


# Keys and ciphertexts


def _require_usable_key(found: FoundInUse) -> None:
    """Refuse a key that is not Enabled."""
    if found.key.state != KeyState.ENABLED:
        require_usable(KeyState(found.key.state), found.arn)


def _usable_material(call: Call, found: FoundInUse) -> KeyMaterial:
    _require_usable_key(found)
    key = found.key
    return call.vault.material(found.account, found.region, key.key_id, key.material_id, key.material_sealed)


def _header(blob: bytes | None) -> BlobHeader:
    if blob is None:
        raise ValidationException(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
            "Member must not be null"
        )
    try:
        return parse_header(blob)
    except DecryptError:
        raise kms.InvalidCiphertextException from None


def _open(
    call: Call,
    action: str,
    blob: bytes | None,
    header: BlobHeader,
    key_id: str | None,
    context: Mapping[str, str] | None,
    more: Context | None = None,
) -> tuple[FoundInUse, bytes]:
    """The key that opens a ciphertext, authorized for `action`, and the plaintext."""
    assert blob is not None
    if key_id is None:
        found = _key_of_ciphertext(call, action, header, context, more)
    else:
        found = _named_key(call, action, key_id, header, context, more)
    material = _usable_material(call, found)
    try:
        if call.via_service == KEEPS_DATA_KEYS:
            return found, material.data_key(context, blob)
        return found, material.decrypt(context, blob)
    except DecryptError:
        raise kms.InvalidCiphertextException from None


def _key_of_ciphertext(
    call: Call, action: str, header: BlobHeader, context: Mapping[str, str] | None, more: Context | None
) -> FoundInUse:
    """The key that a ciphertext names, when the request names none. The header is not authenticated yet.

    It may be another account's. Whom that key's policy does not let in learns no more than of a key that does not exist:
    not in the answer, not in an explanation, and not from the own trail. A key never loses a material, so a header that
    names a material which the key never had was changed: whoever may use the key is told as of any changed ciphertext.
    """
    key_id, material_id = header.key_id, header.material_id
    account = call.account
    row = call.tx.once(records.USE_MATERIAL, account, call.region, key_id, material_id)
    changed = False
    if row is None:
        row = call.tx.one(records.USE_KEY, account, call.region, key_id)
        changed = row is not None
    if row is None:
        owner = call.tx.one(records.OWNER_OF_MATERIAL, call.region, key_id, material_id)
        if owner is None:
            raise ciphertext_denial(deny(call, action, keys.arn_of(call, account, key_id)))
        account = owner[0]
        row = call.tx.one(records.USE_MATERIAL, account, call.region, key_id, material_id)
        assert row is not None
    found = keys.in_use(call.partition, account, call.region, row)
    key = found.key
    keys_of_request = KeyContext(call, account, key, context, "", keys.cryptographic(more))
    decision = check(call, action, found.arn, account, key, keys_of_request)
    if decision.outcome is not ALLOW:
        if account != call.account and not let_in(decision):
            decision = without_policy(call, action, keys.arn_of(call, call.account, key_id))
            call.conceal(decision)
        raise ciphertext_denial(decision)
    if changed:
        _require_usable_key(found)
        raise kms.InvalidCiphertextException
    return found


def _named_key(
    call: Call, action: str, named: str, header: BlobHeader, context: Mapping[str, str] | None, more: Context | None
) -> FoundInUse:
    """The key that the request names, with the material that the ciphertext names."""
    found = keys.use(call, named, action, context, more)
    if found.key.key_id != header.key_id:
        raise kms.IncorrectKeyException(
            "The key ID in the request does not identify a CMK that can perform this operation."
        )
    if found.key.material_id == header.material_id:
        return found
    row = call.tx.one(records.USE_MATERIAL, found.account, call.region, header.key_id, header.material_id)
    if row is None:
        raise kms.InvalidCiphertextException
    return keys.in_use(call.partition, found.account, call.region, row)
