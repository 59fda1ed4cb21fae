"""Secret values: sealed under a data key of their own, which KMS makes and wraps on the caller's behalf.

    value ──AES-256-GCM, data key──► value_sealed     bound to table, secret ARN and version id (vault.sealing)
    data key ──kms, customer's key─► data_key         bound to SecretARN and SecretVersionId (encryption context)

A key is replaced by wrapping the same data key under the new one; the value's ciphertext stays. KMS decides whether the
caller may; its refusals become the errors of Secrets Manager here. A key of another account than the caller's is named
to KMS by its ARN, and a secret under its account's own key is for that account only.

Threat: a value in a text. `SecretValue` has a repr that shows none, and no error here carries one.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final, TypeVar

from holdfast.api import kms
from holdfast.api import secretsmanager as api
from holdfast.api.base import AccessDeniedException, Operation, ServiceError, Shape, ValidationException
from holdfast.remember import remember
from holdfast.services.secretsmanager.identifiers import DEFAULT_KEY, is_default_key
from holdfast.services.secretsmanager.records import SealedValue, Version
from holdfast.vault.errors import DecryptError
from holdfast.vault.registry import SECRET_VALUE

if TYPE_CHECKING:
    from holdfast.services.call import Call

InputT = TypeVar("InputT", bound=Shape)
OutputT = TypeVar("OutputT", bound=Shape)

SERVICE_NAME: Final = "secretsmanager"
MAXIMUM_SIZE = 65536
_DECRYPT: Final = kms.Decrypt
_DecryptRequest: Final = kms.DecryptRequest
_DecryptionFailure: Final = api.DecryptionFailure
"""What every read of a value asks for: found once, not by name in its module each time."""
STRING: Final = "string"
BINARY = "binary"
KEY_CHECK_VERSION = "RequestToValidateKeyAccess"
"""Stands for the version id when a key is only tried ("Secret encryption and decryption", user guide)."""

KMS_DENIED = "Access to KMS is not allowed"
DEFAULT_KEY_OF_ANOTHER = (
    "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key."
)
BOTH_VALUES = "You can't specify both a binary secret value and a string secret value in the same secret."


class SecretValue:
    """A value and which of the two kinds it is."""

    __slots__ = ("data", "kind")

    def __init__(self, kind: str, data: bytes) -> None:
        self.kind = kind
        self.data = data

    def __repr__(self) -> str:
        return f"<SecretValue {self.kind}, {len(self.data)} bytes>"

    def equals(self, other: SecretValue) -> bool:
        """The same bytes as another value of the same kind."""
        return self.kind == other.kind and hmac.compare_digest(self.data, other.data)


def given_value(string: str | None, binary: bytes | None) -> SecretValue | None:
    """The value of a request, None when it has none.

    Raises InvalidParameterException for two of them, ValidationException above 65,536 bytes: the model counts a
    string's characters, the quota its bytes.
    """
    if string is not None and binary is not None:
        raise api.InvalidParameterException(BOTH_VALUES)
    if binary is not None:
        return SecretValue(BINARY, binary)
    if string is None:
        return None
    data = string.encode()
    if len(data) > MAXIMUM_SIZE:
        raise ValidationException(
            "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAXIMUM_SIZE}"
        )
    return SecretValue(STRING, data)


def seal(call: Call, arn: str, version_id: str, kms_key_id: str, value: SecretValue) -> SealedValue:
    """Seal under a fresh data key of the secret's KMS key. Raises AccessDeniedException, EncryptionFailure."""
    made = _generate(call, arn, version_id, kms_key_id)
    assert made.Plaintext is not None
    assert made.CiphertextBlob is not None
    sealed = call.vault.seal_value(SECRET_VALUE, (arn, version_id), made.Plaintext, value.data)
    return SealedValue(value.kind, _stored_key(call, arn, kms_key_id, made.KeyId), made.CiphertextBlob, sealed)


def open_value(call: Call, arn: str, version_id: str, kms_key: str, data_key: bytes, value_sealed: bytes) -> bytes:
    """The plaintext of a stored value. Raises AccessDeniedException, DecryptionFailure, InvalidRequestException."""
    plaintext_key = _unwrap(call, arn, version_id, kms_key, data_key)
    try:
        return call.vault.open_value(SECRET_VALUE, (arn, version_id), plaintext_key, value_sealed)
    except DecryptError:
        raise api.DecryptionFailure("Secrets Manager can't decrypt the secret value.") from None


def open_version(call: Call, arn: str, version: Version) -> SecretValue | None:
    """The value of a version; None while it has none."""
    if version.kind is None:
        return None
    assert version.kms_key is not None
    assert version.data_key is not None
    assert version.value_sealed is not None
    data = open_value(call, arn, version.version_id, version.kms_key, version.data_key, version.value_sealed)
    return SecretValue(version.kind, data)


def try_key(call: Call, arn: str, kms_key_id: str) -> str:
    """Make and unwrap a data key that nothing is sealed under, to learn now whether the caller may use the KMS key.

    The key as `secret_version.kms_key` names it. Raises AccessDeniedException, EncryptionFailure, DecryptionFailure.
    """
    made = _generate(call, arn, KEY_CHECK_VERSION, kms_key_id)
    assert made.CiphertextBlob is not None
    stored = _stored_key(call, arn, kms_key_id, made.KeyId)
    _unwrap(call, arn, KEY_CHECK_VERSION, stored, made.CiphertextBlob)
    return stored


def rewrap(call: Call, arn: str, version: Version, kms_key_id: str) -> bytes | None:
    """A version's data key under another KMS key; None when the caller lacks kms:Encrypt on it.

    Without that permission AWS leaves existing versions under their old key and the call succeeds (UpdateSecret,
    KmsKeyId). Raises AccessDeniedException and DecryptionFailure for the old key, EncryptionFailure for the new one.
    """
    assert version.kms_key is not None
    assert version.data_key is not None
    plaintext_key = _unwrap(call, arn, version.version_id, version.kms_key, version.data_key)
    request = kms.EncryptRequest(
        KeyId=_named_key(call, arn, kms_key_id),
        Plaintext=plaintext_key,
        EncryptionContext=_context(arn, version.version_id),
    )
    try:
        return call.on_behalf(kms.Encrypt, request, by=SERVICE_NAME).CiphertextBlob
    except AccessDeniedException:
        return None
    except ServiceError as error:
        raise api.EncryptionFailure(_kms_text(call, "encrypt", error)) from None


def _context(arn: str, version_id: str) -> dict[str, str]:
    return {"SecretARN": arn, "SecretVersionId": version_id}


def _stored_key(call: Call, arn: str, kms_key_id: str, key_arn: str | None) -> str:
    default = is_default_key(call.partition, _owner(arn), call.region, kms_key_id)
    return "" if default or key_arn is None else key_arn


_owners: Final[dict[str, str]] = {}


def _owner(arn: str) -> str:
    return _owners.get(arn) or remember(_owners, arn, arn.split(":", 5)[4], 1024)


def _named_key(call: Call, arn: str, kms_key_id: str) -> str:
    """A secret's key as the caller must name it: a key id or an alias is meant in the account that owns the secret."""
    owner = _owner(arn)
    if owner == call.account:
        return kms_key_id or DEFAULT_KEY
    if is_default_key(call.partition, owner, call.region, kms_key_id):
        raise api.InvalidRequestException(DEFAULT_KEY_OF_ANOTHER)
    if kms_key_id.startswith("arn:"):
        return kms_key_id
    resource = kms_key_id if kms_key_id.startswith("alias/") else f"key/{kms_key_id}"
    return f"arn:{call.partition}:kms:{call.region}:{owner}:{resource}"


def _generate(call: Call, arn: str, version_id: str, kms_key_id: str) -> kms.GenerateDataKeyResponse:
    request = kms.GenerateDataKeyRequest(
        KeyId=_named_key(call, arn, kms_key_id), KeySpec="AES_256", EncryptionContext=_context(arn, version_id)
    )
    return _ask(call, kms.GenerateDataKey, request, api.EncryptionFailure, "encrypt")


def _unwrap(call: Call, arn: str, version_id: str, kms_key: str, data_key: bytes) -> bytes:
    request = _DecryptRequest(CiphertextBlob=data_key, EncryptionContext=_context(arn, version_id))
    if not kms_key:
        if _owner(arn) != call.account:
            raise api.InvalidRequestException(DEFAULT_KEY_OF_ANOTHER)
    elif _owner(kms_key) != call.account:
        request.KeyId = kms_key
    plaintext = _ask(call, _DECRYPT, request, _DecryptionFailure, "decrypt").Plaintext
    assert plaintext is not None
    return plaintext


def _ask(
    call: Call,
    operation: Operation[InputT, OutputT],
    request: InputT,
    failure: type[ServiceError],
    verb: str,
) -> OutputT:
    try:
        return call.on_behalf(operation, request, by=SERVICE_NAME)
    except AccessDeniedException:
        raise AccessDeniedException(KMS_DENIED) from None
    except ServiceError as error:
        raise failure(_kms_text(call, verb, error)) from None


def _kms_text(call: Call, verb: str, error: ServiceError) -> str:
    # KMS gives a ciphertext that does not open no text at all, which AWS's Java shows as null.
    return (
        f"Secrets Manager can't {verb} the secret value: {error.message or 'null'} (Service: AWSKMS; "
        f"Status Code: {error.status}; Error Code: {error.code}; Request ID: {call.request_id})"
    )
