"""The facade: the registry is obeyed, cached material is never stale, the wrong root key is named, nothing is shown."""

from __future__ import annotations

import base64
import threading
import traceback
from collections.abc import Callable

import pytest

from holdfast.vault import registry, vault
from holdfast.vault.errors import DecryptError, RootKeyError, VaultError
from holdfast.vault.kms_blob import KeyMaterial
from holdfast.vault.randomness import SystemRandomness
from holdfast.vault.registry import ACCESS_KEY_SECRET, KMS_KEY_MATERIAL, REGISTRY, SECRET_DATA_KEY, SECRET_VALUE
from holdfast.vault.root_key import RootKey, RootKeys
from holdfast.vault.sealing import Form, SealedColumn
from holdfast.vault.vault import Vault

RANDOMNESS = SystemRandomness()
OWNER = ("111122223333", "us-east-1")
ROW = ("AKIAIOSFODNN7EXAMPLE",)
VERSION = ("arn:aws:secretsmanager:us-east-1:000000000000:secret:a-AbCdEf", "0c9f5bd9-6f0c-4a9b-9d1c-4f6a51c3a3d0")


def new_vault() -> Vault:
    return Vault(RootKeys.generate(RANDOMNESS), RANDOMNESS)


def test_seal_and_open() -> None:
    one = new_vault()
    sealed = one.seal(ACCESS_KEY_SECRET, ROW, b"secret")
    assert one.open(ACCESS_KEY_SECRET, ROW, sealed) == b"secret"
    with pytest.raises(DecryptError):
        one.open(ACCESS_KEY_SECRET, ("AKIAI44QH8DHBEXAMPLE",), sealed)
    with pytest.raises(DecryptError):
        new_vault().open(ACCESS_KEY_SECRET, ROW, sealed)


def test_value_under_its_data_key() -> None:
    one, data_key = new_vault(), RANDOMNESS.bytes(32)
    sealed = one.seal_value(SECRET_VALUE, VERSION, data_key, b"secret")
    assert one.open_value(SECRET_VALUE, VERSION, data_key, sealed) == b"secret"
    with pytest.raises(DecryptError):
        one.open_value(SECRET_VALUE, (VERSION[0], "another"), data_key, sealed)


@pytest.mark.parametrize(
    ("column", "row"),
    [
        (SealedColumn("access_key", "secret_sealed", "access-key-secret", Form.ROOT, ("access_key_id",)), ROW),
        (SECRET_VALUE, VERSION),
        (SECRET_DATA_KEY, VERSION),
        (ACCESS_KEY_SECRET, ()),
        (ACCESS_KEY_SECRET, (*ROW, "more")),
    ],
)
def test_seals_only_what_the_registry_lists(column: SealedColumn, row: tuple[str, ...]) -> None:
    """The first one looks registered and is not: the registry's own object is asked for."""
    with pytest.raises(ValueError, match="is not sealed under the root key"):
        new_vault().seal(column, row, b"secret")
    with pytest.raises(ValueError, match="is not sealed under the root key"):
        new_vault().open(column, row, b"")


@pytest.mark.parametrize(("column", "row"), [(ACCESS_KEY_SECRET, ROW), (SECRET_DATA_KEY, VERSION), (SECRET_VALUE, ())])
def test_data_keys_seal_only_values(column: SealedColumn, row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="is not sealed under a data key"):
        new_vault().seal_value(column, row, bytes(32), b"secret")
    with pytest.raises(ValueError, match="is not sealed under a data key"):
        new_vault().open_value(column, row, bytes(32), b"")


def test_registry_names_each_column_once_and_misses_none() -> None:
    declared = [value for value in vars(registry).values() if isinstance(value, SealedColumn)]
    assert sorted(map(id, declared)) == sorted(map(id, REGISTRY))
    assert len({(column.table, column.column) for column in REGISTRY}) == len(REGISTRY)
    assert all(column.row for column in REGISTRY)


def test_no_purpose_of_the_vault_itself_is_a_columns() -> None:
    """Root key ids, material ids and page tokens are subkeys too."""
    assert not {column.purpose for column in REGISTRY} & {"root-key-id", "kms-material-id", "page-token"}


def test_new_material_encrypts_and_decrypts() -> None:
    one, key_id = new_vault(), RANDOMNESS.uuid4()
    material_id, sealed = one.new_material(*OWNER, key_id)
    blob = one.material(*OWNER, key_id, material_id, sealed).encrypt({"a": "b"}, b"plaintext", RANDOMNESS)
    header = one.blob_header(blob)
    assert (header.key_id, header.material_id) == (key_id, material_id)
    assert one.material(*OWNER, header.key_id, header.material_id, sealed).decrypt({"a": "b"}, blob) == b"plaintext"
    assert one.new_material(*OWNER, key_id).material_id != material_id
    with pytest.raises(ValueError, match="key id"):
        one.new_material(*OWNER, "alias/example")


def test_material_is_unwrapped_once() -> None:
    one, key_id = new_vault(), RANDOMNESS.uuid4()
    material_id, sealed = one.new_material(*OWNER, key_id)
    kept = one.material(*OWNER, key_id, material_id, sealed)
    assert one.material(*OWNER, key_id, material_id, bytes(bytearray(sealed))) is kept


def test_kept_material_is_not_used_for_other_sealed_bytes() -> None:
    """A row that was rolled back, restored or tampered with: what was read decides, not what is kept."""
    one, key_id = new_vault(), RANDOMNESS.uuid4()
    material_id, sealed = one.new_material(*OWNER, key_id)
    one.material(*OWNER, key_id, material_id, sealed)
    with pytest.raises(DecryptError):
        one.material(*OWNER, key_id, material_id, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    secret = RANDOMNESS.bytes(32)
    other = one.seal(KMS_KEY_MATERIAL, (*OWNER, key_id, material_id), secret)
    blob = one.material(*OWNER, key_id, material_id, other).encrypt(None, b"x", RANDOMNESS)
    with pytest.raises(DecryptError):
        one.material(*OWNER, key_id, material_id, sealed).decrypt(None, blob)


def test_material_of_the_wrong_size_does_not_open() -> None:
    one, row = new_vault(), (*OWNER, RANDOMNESS.uuid4(), "00" * 32)
    with pytest.raises(DecryptError):
        one.material(*row, one.seal(KMS_KEY_MATERIAL, row, bytes(16)))


def test_kept_materials_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "MAXIMUM_MATERIALS", 3)
    one = new_vault()
    made = [(key_id, one.new_material(*OWNER, key_id)) for key_id in (RANDOMNESS.uuid4() for _ in range(5))]

    def material(n: int) -> KeyMaterial:
        key_id, new = made[n]
        return one.material(*OWNER, key_id, new.material_id, new.sealed)

    kept = [material(n) for n in range(5)]
    assert len(one._materials) == 3
    assert material(4) is kept[4]
    assert material(0) is not kept[0]


def test_threads_share_a_vault() -> None:
    one, key_id = new_vault(), RANDOMNESS.uuid4()
    material_id, sealed = one.new_material(*OWNER, key_id)
    finished: list[str] = []

    def work(name: str) -> None:
        for n in range(200):
            text = f"{name} {n}".encode()
            assert one.open(ACCESS_KEY_SECRET, ROW, one.seal(ACCESS_KEY_SECRET, ROW, text)) == text
            material = one.material(*OWNER, key_id, material_id, sealed)
            assert material.decrypt(None, material.encrypt(None, text, RANDOMNESS)) == text
        finished.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished) == list("abcd")


def test_page_token() -> None:
    one = new_vault()
    token = one.seal_token(b"scope", b"payload")
    assert one.open_token(b"scope", token) == b"payload"
    with pytest.raises(DecryptError):
        one.open_token(b"other", token)


def test_verifier_opens_under_current_and_previous_key() -> None:
    keys = RootKeys.generate(RANDOMNESS)
    verifier = Vault(keys, RANDOMNESS).make_verifier()
    Vault(keys, RANDOMNESS).check_verifier(verifier)
    rotated = RootKeys(RootKey(RANDOMNESS.bytes(32)), (keys.current,), source="test")
    Vault(rotated, RANDOMNESS).check_verifier(verifier)


def test_wrong_root_key_is_named_in_one_line() -> None:
    ours, theirs = (RootKeys.generate(RANDOMNESS, source="root key file /data/root.key") for _ in range(2))
    with pytest.raises(RootKeyError) as caught:
        Vault(ours, RANDOMNESS).check_verifier(Vault(theirs, RANDOMNESS).make_verifier())
    text = str(caught.value)
    assert text.startswith("wrong root key: ")
    assert "\n" not in text
    assert all(part in text for part in (ours.current.id, theirs.current.id, "/data/root.key"))


def test_damaged_verifier_is_not_called_a_wrong_key() -> None:
    one = new_vault()
    sealed = one.make_verifier()
    for damaged in (b"", sealed[:-1], b"x" + sealed, sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(RootKeyError, match="verifier in the store is damaged"):
            one.check_verifier(damaged)


def test_another_ciphertext_is_no_verifier() -> None:
    one = new_vault()
    with pytest.raises(RootKeyError, match="damaged"):
        one.check_verifier(one.seal(ACCESS_KEY_SECRET, ROW, b"holdfast root key verifier"))


def test_every_failed_open_looks_the_same_and_shows_nothing() -> None:
    one, other, key_id = new_vault(), new_vault(), RANDOMNESS.uuid4()
    data_key, plaintext = RANDOMNESS.bytes(32), b"correct horse battery staple"
    material_id, wrapped = one.new_material(*OWNER, key_id)
    material = one.material(*OWNER, key_id, material_id, wrapped)
    sealed, value = (
        one.seal(ACCESS_KEY_SECRET, ROW, plaintext),
        one.seal_value(SECRET_VALUE, VERSION, data_key, plaintext),
    )
    blob, token = material.encrypt({"a": "b"}, plaintext, RANDOMNESS), one.seal_token(b"scope", plaintext)
    attempts: list[Callable[[], object]] = [
        lambda: one.open(ACCESS_KEY_SECRET, ("other",), sealed),
        lambda: one.open(ACCESS_KEY_SECRET, ROW, b"hfs\x02" + sealed[4:]),
        lambda: other.open(ACCESS_KEY_SECRET, ROW, sealed),
        lambda: one.open_value(SECRET_VALUE, VERSION, bytes(32), value),
        lambda: one.open_value(SECRET_VALUE, VERSION, data_key[:16], value),
        lambda: other.material(*OWNER, key_id, material_id, wrapped),
        lambda: material.decrypt({"a": "c"}, blob),
        lambda: material.decrypt({"a": "\ud800"}, blob),
        lambda: one.blob_header(b"foreign"),
        lambda: one.open_token(b"other", token),
        lambda: one.open_token(b"scope", token + "ü"),
    ]
    reports: set[str] = set()
    for attempt in attempts:
        with pytest.raises(DecryptError) as caught:
            attempt()
        assert caught.type is DecryptError
        assert caught.value.__cause__ is None
        reports.add("".join(traceback.format_exception_only(caught.value)))
        shown = "".join(traceback.format_exception(caught.value))
        assert "During handling" not in shown
        _assert_hidden(shown, [plaintext, data_key])
    assert len(reports) == 1
    root = next(iter(one._root_keys)).secret
    _assert_hidden(f"{one!r} {one} {material!r} {one._materials!r} {one._keys!r} {one._token_keys!r}", [root, data_key])
    assert issubclass(DecryptError, VaultError)
    assert issubclass(RootKeyError, VaultError)


def _assert_hidden(shown: str, secrets: list[bytes]) -> None:
    for secret in secrets:
        for form in (repr(secret)[2:-1], secret.hex(), base64.b64encode(secret).decode()):
            assert form not in shown
