"""Keys, aliases, ciphertexts and the clock, in any order, against a model that fits on a page.

The model keeps plaintexts; the house keeps a store. After any sequence of calls both must agree on every key's state,
on what every ciphertext opens to, and on what is left of a deleted key, which is nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from holdfast.api import kms
from holdfast.api.base import AccessDeniedException, Operation, ServiceError, Shape

from .conftest import House

DAY = 86_400_000


@dataclass
class ModelKey:
    """What a key is to somebody who reads the documentation."""

    state: str = "Enabled"
    deleted_at: int = 0
    rotate_every: int = 0
    rotate_at: int = 0
    materials: int = 1
    aliases: set[str] = field(default_factory=set[str])


class KeyMachine(RuleBasedStateMachine):
    """The rules are calls; each checks its own answer."""

    keys = Bundle("keys")
    blobs = Bundle("blobs")

    @initialize()
    def open(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-kms-"))
        self.house = House(self.directory / "store.db")
        self.model: dict[str, ModelKey] = {}

    def teardown(self) -> None:
        self.house.database.close()
        shutil.rmtree(self.directory)

    def expect(self, key_id: str, error: ServiceError | None, *allowed: str) -> bool:
        """Whether a call must have succeeded; checks the error of one that must not have."""
        key = self.model.get(key_id)
        arn = f"arn:aws:kms:{self.house.region}:{self.house.principal.account}:key/{key_id}"
        if key is None:
            assert error is not None
            assert (error.code, error.message) == ("NotFoundException", f"Key '{arn}' does not exist")
            return False
        if key.state in allowed:
            assert error is None
            return True
        assert error is not None
        if "PendingDeletion" in allowed:
            expected = ("KMSInvalidStateException", f"{arn} is not pending deletion.")
        elif key.state == "PendingDeletion":
            expected = ("KMSInvalidStateException", f"{arn} is pending deletion.")
        else:
            expected = ("DisabledException", f"{arn} is disabled.")
        assert (error.code, error.message) == expected
        return False

    def attempt(self, operation: Operation[Any, Any], value: Shape) -> ServiceError | None:
        try:
            self.house.call(operation, value)
        except ServiceError as error:
            return error
        return None

    @rule(target=keys)
    def create(self) -> str:
        metadata = self.house.call(kms.CreateKey, kms.CreateKeyRequest()).KeyMetadata
        assert metadata is not None
        assert metadata.KeyId is not None
        self.model[metadata.KeyId] = ModelKey()
        return metadata.KeyId

    @rule(key_id=keys)
    def enable(self, key_id: str) -> None:
        error = self.attempt(kms.EnableKey, kms.EnableKeyRequest(KeyId=key_id))
        if self.expect(key_id, error, "Enabled", "Disabled"):
            self.house.advance(0)
            key, now = self.model[key_id], self.house.now
            key.state = "Enabled"
            if key.rotate_every and key.rotate_at <= now:  # once for all that it missed, and a whole period later again
                key.materials += 1
                key.rotate_at = now + key.rotate_every * DAY

    @rule(key_id=keys)
    def disable(self, key_id: str) -> None:
        error = self.attempt(kms.DisableKey, kms.DisableKeyRequest(KeyId=key_id))
        if self.expect(key_id, error, "Enabled", "Disabled"):
            self.model[key_id].state = "Disabled"

    @rule(key_id=keys, days=st.integers(7, 30))
    def schedule_deletion(self, key_id: str, days: int) -> None:
        value = kms.ScheduleKeyDeletionRequest(KeyId=key_id, PendingWindowInDays=days)
        if self.expect(key_id, self.attempt(kms.ScheduleKeyDeletion, value), "Enabled", "Disabled"):
            self.model[key_id].state = "PendingDeletion"
            self.model[key_id].deleted_at = self.house.now + days * DAY

    @rule(key_id=keys)
    def cancel_deletion(self, key_id: str) -> None:
        error = self.attempt(kms.CancelKeyDeletion, kms.CancelKeyDeletionRequest(KeyId=key_id))
        if self.expect(key_id, error, "PendingDeletion"):
            self.model[key_id].state = "Disabled"

    @rule(key_id=keys, days=st.sampled_from([90, 100, 365]))
    def enable_rotation(self, key_id: str, days: int) -> None:
        value = kms.EnableKeyRotationRequest(KeyId=key_id, RotationPeriodInDays=days)
        if self.expect(key_id, self.attempt(kms.EnableKeyRotation, value), "Enabled"):
            key = self.model[key_id]
            if key.rotate_every != days:
                key.rotate_every, key.rotate_at = days, self.house.now + days * DAY

    @rule(key_id=keys, name=st.sampled_from(["alias/a", "alias/b", "alias/c"]))
    def create_alias(self, key_id: str, name: str) -> None:
        error = self.attempt(kms.CreateAlias, kms.CreateAliasRequest(AliasName=name, TargetKeyId=key_id))
        taken = any(name in key.aliases for key in self.model.values())
        if error is not None and error.code == "AlreadyExistsException":
            assert taken
        elif self.expect(key_id, error, "Enabled", "Disabled"):
            assert not taken
            self.model[key_id].aliases.add(name)

    @rule(target=blobs, key_id=keys, plaintext=st.binary(min_size=1, max_size=40), context=st.sampled_from(["", "x"]))
    def encrypt(self, key_id: str, plaintext: bytes, context: str) -> Any:
        value = kms.EncryptRequest(
            KeyId=key_id, Plaintext=plaintext, EncryptionContext={"c": context} if context else None
        )
        error = self.attempt(kms.Encrypt, value)
        if not self.expect(key_id, error, "Enabled"):
            return multiple()
        blob = self.house.call(kms.Encrypt, value).CiphertextBlob
        assert blob is not None
        return (key_id, context, blob, plaintext)

    @rule(blob=blobs, context=st.sampled_from(["", "x", "y"]))
    def decrypt(self, blob: tuple[str, str, bytes, bytes], context: str) -> None:
        key_id, sealed_context, ciphertext, plaintext = blob
        value = kms.DecryptRequest(CiphertextBlob=ciphertext, EncryptionContext={"c": context} if context else {})
        if key_id not in self.model:
            error = self.house.error(kms.Decrypt, value)
            assert isinstance(error, AccessDeniedException)
            return
        if self.model[key_id].state == "Enabled" and context == sealed_context:
            answer = self.house.call(kms.Decrypt, value)
            assert answer.Plaintext == plaintext
            return
        error = self.house.error(kms.Decrypt, value)
        expected = {
            "Enabled": "InvalidCiphertextException",
            "Disabled": "DisabledException",
            "PendingDeletion": "KMSInvalidStateException",
        }
        assert error.code == expected[self.model[key_id].state]

    @rule(days=st.sampled_from([1, 7, 30, 90, 200]))
    def wait(self, days: int) -> None:
        self.house.advance(days * DAY)
        now = self.house.now
        for key_id, key in list(self.model.items()):
            if key.state == "PendingDeletion" and key.deleted_at <= now:
                del self.model[key_id]
            while key.state == "Enabled" and key.rotate_every and key.rotate_at <= now:
                key.materials += 1
                key.rotate_at += key.rotate_every * DAY

    @invariant()
    def keys_agree(self) -> None:
        if not hasattr(self, "house"):
            return
        listed = self.house.call(kms.ListKeys, kms.ListKeysRequest()).Keys or []
        assert {entry.KeyId for entry in listed} == set(self.model)
        for key_id, key in self.model.items():
            metadata = self.house.call(kms.DescribeKey, kms.DescribeKeyRequest(KeyId=key_id)).KeyMetadata
            assert metadata is not None
            assert metadata.KeyState == key.state
            status = self.house.call(kms.GetKeyRotationStatus, kms.GetKeyRotationStatusRequest(KeyId=key_id))
            rotates = key.rotate_every > 0 and key.state != "PendingDeletion"
            assert status.KeyRotationEnabled == rotates
            assert status.NextRotationDate == (key.rotate_at / 1000 if rotates else None)
            value = kms.ListKeyRotationsRequest(KeyId=key_id, IncludeKeyMaterial="ALL_KEY_MATERIAL")
            materials = self.house.call(kms.ListKeyRotations, value).Rotations or []
            assert len(materials) == key.materials
            assert materials[-1].KeyMaterialId == metadata.CurrentKeyMaterialId
            aliases = self.house.call(kms.ListAliases, kms.ListAliasesRequest(KeyId=key_id)).Aliases or []
            assert {alias.AliasName for alias in aliases} == key.aliases

    @invariant()
    def nothing_is_left_of_deleted_keys(self) -> None:
        if not hasattr(self, "house"):
            return
        for table in ("kms_key_material", "kms_alias", "kms_tag"):
            assert {row[0] for row in self.house.rows(f"SELECT DISTINCT key_id FROM {table}")} <= set(self.model)


KeyMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestKeyMachine = KeyMachine.TestCase
