"""Values: sealed under the root key, or encrypted by KMS on the caller's behalf.

    String, StringList      sealed under the root key, no KMS call;
                            bound to account, region, path and version by the associated data
    SecureString, standard  the blob that kms:Encrypt answered
    SecureString, advanced  a message of the AWS Encryption SDK under a data key of kms:GenerateDataKey, since kms:Encrypt
                            takes 4 KB only (vault/encryption_sdk.py)
                            both bound to the parameter by the encryption context PARAMETER_ARN

A SecureString is encrypted and decrypted as the caller, with `kms:ViaService`, so KMS decides whether they may, and its
refusal is passed on in its own words. Without decryption the value is the ciphertext itself in base64. A caller may give
the blob to kms:Decrypt, or the message to any AWS Encryption SDK, with the same context (KMS developer guide, "How
Parameter Store uses AWS KMS").
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NoReturn, TypeVar

from holdfast.api import kms
from holdfast.api import ssm as api
from holdfast.api.base import AccessDeniedException, Operation, ServiceError, Shape
from holdfast.services.ssm.rules import SECURE_STRING, Settings, arn_of
from holdfast.services.ssm.tiers import ADVANCED
from holdfast.vault.encryption_sdk import is_message, read_header
from holdfast.vault.errors import DecryptError
from holdfast.vault.registry import PARAMETER_ENCRYPTED_VALUE, PARAMETER_VALUE

if TYPE_CHECKING:
    from holdfast.services.call import Call

InputT = TypeVar("InputT", bound=Shape)
OutputT = TypeVar("OutputT", bound=Shape)

SERVICE = "ssm"
UNDECRYPTABLE = "The value of a parameter could not be decrypted."


Stored = tuple[bytes | None, bytes | None]
"""(value_sealed, value_encrypted), of which one is None."""


def protect(call: Call, account: str, path: str, version: int, settings: Settings, value: str) -> Stored:
    """What is stored of the value of a version."""
    if settings.type != SECURE_STRING:
        row = (account, call.region, path, version)
        return call.vault.seal(PARAMETER_VALUE, row, value.encode()), None
    context = _context(call, account, path)
    if settings.tier == ADVANCED:
        request = kms.GenerateDataKeyRequest(KeyId=settings.key_id, KeySpec="AES_256", EncryptionContext=context)
        key = _ask(call, kms.GenerateDataKey, request)
        assert key.Plaintext is not None
        assert key.CiphertextBlob is not None
        assert key.KeyId is not None
        return None, call.vault.seal_message(
            PARAMETER_ENCRYPTED_VALUE, key.Plaintext, key.CiphertextBlob, key.KeyId, context, value.encode()
        )
    answer = _ask(
        call,
        kms.Encrypt,
        kms.EncryptRequest(KeyId=settings.key_id, Plaintext=value.encode(), EncryptionContext=context),
    )
    assert answer.CiphertextBlob is not None
    return None, answer.CiphertextBlob


def reveal(call: Call, account: str, path: str, version: int, stored: Stored, *, decrypt: bool) -> str:
    """A stored value as the caller gets it. `decrypt` matters to a SecureString only."""
    value_sealed, value_encrypted = stored
    if value_sealed is not None:
        return call.vault.open(PARAMETER_VALUE, (account, call.region, path, version), value_sealed).decode()
    assert value_encrypted is not None
    if not decrypt:
        return base64.b64encode(value_encrypted).decode()
    request = kms.DecryptRequest(CiphertextBlob=value_encrypted, EncryptionContext=_context(call, account, path))
    if not is_message(value_encrypted):
        return _plaintext(call, request).decode()
    try:
        header = read_header(value_encrypted)
        request.CiphertextBlob = header.data_key
        if account != call.account:
            # Of a shared parameter: KMS looks for the keys of other accounts only where it is told which.
            request.KeyId = header.key_arn
        return call.vault.open_message(_plaintext(call, request), value_encrypted).decode()
    except DecryptError as error:
        raise api.InternalServerError(UNDECRYPTABLE) from error


def _plaintext(call: Call, request: kms.DecryptRequest) -> bytes:
    answer = _ask(call, kms.Decrypt, request)
    assert answer.Plaintext is not None
    return answer.Plaintext


def _ask(call: Call, operation: Operation[InputT, OutputT], request: InputT) -> OutputT:
    try:
        return call.on_behalf(operation, request, by=SERVICE)
    except ServiceError as error:
        _refused(call, error)


def _context(call: Call, account: str, path: str) -> dict[str, str]:
    return {"PARAMETER_ARN": arn_of(call.partition, call.region, account, path)}


def _refused(call: Call, error: ServiceError) -> NoReturn:
    """KMS's refusal as Parameter Store answers it: the text of its Java client, under one of two codes."""
    text = (
        f"{error.message or ''} (Service: AWSKMS; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {call.request_id}; Proxy: null)"
    ).strip()
    if isinstance(error, AccessDeniedException):
        raise AccessDeniedException(text) from None
    if error.status >= 500 or isinstance(error, kms.InvalidCiphertextException):
        # A blob that was stored here and does not open is our fault, not the key's.
        raise api.InternalServerError(UNDECRYPTABLE) from error
    raise api.InvalidKeyId(text) from None
