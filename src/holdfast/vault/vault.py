"""The vault: the one door through which services seal, open and make key material.

Holds the subkeys of every registered column, the page token keys, and a bounded cache of unwrapped KMS key material.
A cached material is found by its row identity and used only if the sealed bytes that were just read are the ones it was
unwrapped from: it cannot be stale, not even after a rollback or a restore, which make row numbers come again.

INVARIANT: nothing is sealed for a column that `vault.registry` does not list.
Threads: every method may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.vault import encryption_sdk, kms_blob, page_token, sealing
from holdfast.vault.derivation import KEY_SIZE, subkey
from holdfast.vault.errors import DecryptError, RootKeyError
from holdfast.vault.kms_blob import KeyMaterial
from holdfast.vault.randomness import Randomness
from holdfast.vault.registry import KMS_KEY_MATERIAL, REGISTRY, ROOT_VERIFIER
from holdfast.vault.root_key import RootKeys
from holdfast.vault.sealing import Form, PurposeKeys, Row, SealedColumn

MAXIMUM_MATERIALS = 1024
"""Unwrapped materials kept; one that is not kept costs one unsealing more."""

_VERIFIER_ROW = ("root_verifier",)
_VERIFIER = b"holdfast root key verifier"


class NewMaterial(NamedTuple):
    """Fresh key material: what the store keeps of it. Its repr shows no key, since the key is sealed."""

    material_id: str
    """64 hexadecimal digits, derived from the secret."""
    sealed: bytes
    """For `kms_key_material.material_sealed`."""


class Vault:
    """Cryptography for the services; see the module's text."""

    def __init__(
        self, root_keys: RootKeys, randomness: Randomness, registry: tuple[SealedColumn, ...] = REGISTRY
    ) -> None:
        self._root_keys = root_keys
        self._randomness = randomness
        self._keys = {
            column: PurposeKeys.for_column(root_keys, column) for column in registry if column.form is Form.ROOT
        }
        self._value_columns = frozenset(column for column in registry if column.form is Form.DATA_KEY)
        self._token_keys = page_token.token_keys(root_keys)
        self._materials: dict[Row, tuple[bytes, KeyMaterial]] = {}
        self._materials_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Vault {self._root_keys!r}>"

    # Sealed under the root key

    def seal(self, column: SealedColumn, row: Row, plaintext: bytes) -> bytes:
        """Seal for one column of one row. ValueError when the registry does not list the column."""
        return sealing.seal(self._purpose_keys(column, row), column, row, plaintext, self._randomness)

    def open(self, column: SealedColumn, row: Row, sealed: bytes) -> bytes:
        """The plaintext of what `seal` made for the same column and row; DecryptError."""
        return sealing.open_sealed(self._purpose_keys(column, row), column, row, sealed)

    def _purpose_keys(self, column: SealedColumn, row: Row) -> PurposeKeys:
        keys = self._keys.get(column)
        if keys is None or len(row) != len(column.row):
            raise ValueError(f"{column.table}.{column.column} is not sealed under the root key by {len(row)} row parts")
        return keys

    # Sealed under a data key

    def seal_value(self, column: SealedColumn, row: Row, data_key: bytes, plaintext: bytes) -> bytes:
        """Seal under a fresh 32-byte data key that must seal nothing else. ValueError as for `seal`."""
        self._check_value_column(column, row)
        return sealing.seal_value(data_key, column, row, plaintext, self._randomness)

    def open_value(self, column: SealedColumn, row: Row, data_key: bytes, sealed: bytes) -> bytes:
        """The plaintext of what `seal_value` made for the same column, row and data key; DecryptError."""
        self._check_value_column(column, row)
        return sealing.open_value(data_key, column, row, sealed)

    def _check_value_column(self, column: SealedColumn, row: Row) -> None:
        if column not in self._value_columns or len(row) != len(column.row):
            raise ValueError(f"{column.table}.{column.column} is not sealed under a data key by {len(row)} row parts")

    # Messages of the AWS Encryption SDK

    def seal_message(
        self,
        column: SealedColumn,
        data_key: bytes,
        encrypted_data_key: bytes,
        key_arn: str,
        context: Mapping[str, str],
        plaintext: bytes,
    ) -> bytes:
        """A message under a fresh data key, for a column of KMS ciphertexts. ValueError as for `seal`."""
        if column.form is not Form.KMS:
            raise ValueError(f"{column.table}.{column.column} does not hold what KMS encrypts")
        return encryption_sdk.seal_message(data_key, encrypted_data_key, key_arn, context, plaintext, self._randomness)

    def open_message(self, data_key: bytes, message: bytes) -> bytes:
        """The plaintext of a message; DecryptError."""
        return encryption_sdk.open_message(data_key, message)

    # KMS key material

    def new_material(self, account: str, region: str, key_id: str) -> NewMaterial:
        """Fresh material for the symmetric key `key_id` (a UUID or a multi-Region id) of an account and region."""
        secret = self._randomness.bytes(KEY_SIZE)
        material_id = subkey(secret, "kms-material-id").hex()
        KeyMaterial(key_id, material_id, secret)  # an id that no blob could name is refused now
        return NewMaterial(material_id, self.seal(KMS_KEY_MATERIAL, (account, region, key_id, material_id), secret))

    def material(self, account: str, region: str, key_id: str, material_id: str, sealed: bytes) -> KeyMaterial:
        """Unwrapped material, ready to encrypt and decrypt. `sealed` is the row as this transaction read it."""
        row = (account, region, key_id, material_id)
        kept = self._materials.get(row)
        if kept is not None and kept[0] == sealed:
            return kept[1]
        secret = self.open(KMS_KEY_MATERIAL, row, sealed)
        if len(secret) != KEY_SIZE:
            raise DecryptError
        material = KeyMaterial(key_id, material_id, secret)
        with self._materials_lock:
            self._materials.pop(row, None)
            while len(self._materials) >= MAXIMUM_MATERIALS:
                del self._materials[next(iter(self._materials))]
            self._materials[row] = (sealed, material)
        return material

    def blob_header(self, blob: bytes) -> kms_blob.BlobHeader:
        """The key and material a KMS ciphertext blob names, not yet authenticated; DecryptError."""
        return kms_blob.parse_header(blob)

    # Page tokens

    def seal_token(self, scope: bytes, payload: bytes) -> str:
        """URL-safe text that only `open_token` with the same scope reads."""
        return page_token.seal_token(self._token_keys, scope, payload, self._randomness)

    def open_token(self, scope: bytes, token: str) -> bytes:
        """The payload of a token; DecryptError."""
        return page_token.open_token(self._token_keys, scope, token)

    # The root key itself

    def make_verifier(self) -> bytes:
        """For the store's metadata, written when the store is made and after each change of the root key."""
        return self.seal(ROOT_VERIFIER, _VERIFIER_ROW, _VERIFIER)

    def check_verifier(self, sealed: bytes) -> None:
        """Return if this store was sealed under one of our root keys; else RootKeyError, one line for the operator."""
        try:
            needed = sealing.root_key_id(sealed)
            if needed not in self._root_keys.ids:
                raise RootKeyError(
                    f"wrong root key: this store is sealed under root key {needed}, but {self._root_keys.source} holds "
                    f"{', '.join(self._root_keys.ids)}; put back the root key that belongs to this store"
                )
            if self.open(ROOT_VERIFIER, _VERIFIER_ROW, sealed) == _VERIFIER:
                return
        except DecryptError:
            pass
        raise RootKeyError("the root key verifier in the store is damaged: restore the store from a backup")
