"""Values: sealed under the root key, or encrypted by KMS on the caller's behalf.

    String, StringList   sealed under the root key, no KMS call;
                         bound to account, region, path and version by the associated data
    SecureString         the blob that kms:Encrypt answered;
                         bound to the parameter by the encryption context PARAMETER_ARN

A SecureString is encrypted and decrypted as the caller, with `kms:ViaService`, so KMS decides whether they may, and its
refusal is passed on in its own words. Without decryption the value is the blob itself in base64, which a caller may
give to kms:Decrypt with the same context (KMS developer guide, "How Parameter Store uses AWS KMS").
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, NoReturn

from holdfast.api import kms
from holdfast.api import ssm as api
from holdfast.api.base import AccessDeniedException, ServiceError
from holdfast.services.ssm.rules import SECURE_STRING, arn_of
from holdfast.vault.registry import PARAMETER_VALUE

if TYPE_CHECKING:
    from holdfast.services.call import Call

SERVICE = "ssm"


def protect(
    call: Call, path: str, version: int, kind: str, key_id: str, value: str
) -> tuple[bytes | None, bytes | None]:
    """What is stored of a value: (sealed, encrypted), of which one is None."""
    if kind != SECURE_STRING:
        row = (call.account, call.region, path, version)
        return call.vault.seal(PARAMETER_VALUE, row, value.encode()), None
    try:
        answer = call.on_behalf(
            kms.Encrypt,
            kms.EncryptRequest(KeyId=key_id, Plaintext=value.encode(), EncryptionContext=_context(call, path)),
            by=SERVICE,
        )
    except ServiceError as error:
        _refused(call, error)
    assert answer.CiphertextBlob is not None
    return None, answer.CiphertextBlob


def reveal(
    call: Call, path: str, version: int, value_sealed: bytes | None, value_encrypted: bytes | None, *, decrypt: bool
) -> str:
    """A stored value as the caller gets it. `decrypt` matters to a SecureString only."""
    if value_sealed is not None:
        return call.vault.open(PARAMETER_VALUE, (call.account, call.region, path, version), value_sealed).decode()
    assert value_encrypted is not None
    if not decrypt:
        return base64.b64encode(value_encrypted).decode()
    try:
        answer = call.on_behalf(
            kms.Decrypt,
            kms.DecryptRequest(CiphertextBlob=value_encrypted, EncryptionContext=_context(call, path)),
            by=SERVICE,
        )
    except ServiceError as error:
        _refused(call, error)
    assert answer.Plaintext is not None
    return answer.Plaintext.decode()


def _context(call: Call, path: str) -> dict[str, str]:
    return {"PARAMETER_ARN": arn_of(call.partition, call.region, call.account, path)}


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
        raise api.InternalServerError("The value of a parameter could not be decrypted.") from error
    raise api.InvalidKeyId(text) from None
