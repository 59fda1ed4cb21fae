"""What is in the store: sealed material, and no other secret."""

from __future__ import annotations

import pytest

from holdfast.api import kms as api
from holdfast.services.kms import records
from holdfast.vault.errors import DecryptError
from holdfast.vault.registry import KMS_KEY_MATERIAL, REGISTRY
from holdfast.vault.sealing import Form

from .conftest import ACCOUNT, REGION, House

OWNER = (ACCOUNT, REGION)


def _create(house: House, description: str = "") -> str:
    metadata = house.call(api.CreateKey, api.CreateKeyRequest(Description=description)).KeyMetadata
    assert metadata is not None
    assert metadata.KeyId is not None
    return metadata.KeyId


def test_material_is_sealed(house: House) -> None:
    key_id = _create(house)
    [(account, region, material_id, sealed)] = house.rows(
        "SELECT account, region, material_id, material_sealed FROM kms_key_material"
    )
    secret = house.vault.open(KMS_KEY_MATERIAL, (account, region, key_id, material_id), sealed)
    for other in (("999999999999", region), (account, "eu-west-1")):
        with pytest.raises(DecryptError):
            house.vault.open(KMS_KEY_MATERIAL, (*other, key_id, material_id), sealed)
    assert len(secret) == 32
    assert secret not in sealed
    content = b"".join(path.read_bytes() for path in house.database.path.parent.iterdir())
    assert sealed in content
    assert secret not in content
    assert house.root_keys.current.secret not in content


def test_material_opens_in_its_own_row_only(house: House) -> None:
    first, second = _create(house), _create(house)
    rows = {
        key_id: (material_id, sealed)
        for key_id, material_id, sealed in house.rows(
            "SELECT key_id, material_id, material_sealed FROM kms_key_material"
        )
    }
    with pytest.raises(DecryptError):
        house.vault.open(KMS_KEY_MATERIAL, (*OWNER, second, rows[second][0]), rows[first][1])
    # Somebody who can write the store swaps two materials: nothing opens, and nothing is encrypted with the wrong one.
    with house.transaction(writable=True) as tx:
        for own, other in ((first, second), (second, first)):
            tx.execute("UPDATE kms_key_material SET material_sealed = ? WHERE key_id = ?", (rows[other][1], own))
    with pytest.raises(DecryptError):
        house.call(api.Encrypt, api.EncryptRequest(KeyId=first, Plaintext=b"x"))


def test_plaintexts_and_data_keys_are_stored_nowhere(house: House) -> None:
    key_id = _create(house, "a description")
    plaintext = b"a plaintext that is easy to find"
    house.call(api.Encrypt, api.EncryptRequest(KeyId=key_id, Plaintext=plaintext))
    data_key = house.call(api.GenerateDataKey, api.GenerateDataKeyRequest(KeyId=key_id, KeySpec="AES_256")).Plaintext
    content = b"".join(path.read_bytes() for path in house.database.path.parent.iterdir())
    assert b"a description" in content
    assert plaintext not in content
    assert data_key is not None
    assert data_key not in content


def test_every_blob_column_is_registered(house: House) -> None:
    columns = {
        (table, column)
        for (table,) in house.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name >= 'kms_'")
        if table.startswith("kms_")
        for _, column, kind, *_ in house.rows(f"SELECT * FROM pragma_table_info('{table}')")
        if kind == "BLOB"
    }
    assert columns == {(c.table, c.column) for c in REGISTRY if c.form is Form.ROOT and c.table.startswith("kms_")}


def test_damaged_material_is_our_fault_and_not_the_ciphertexts(house: House) -> None:
    key_id = _create(house)
    blob = house.call(api.Encrypt, api.EncryptRequest(KeyId=key_id, Plaintext=b"x")).CiphertextBlob
    with house.transaction(writable=True) as tx:
        tx.execute("UPDATE kms_key_material SET material_sealed = zeroblob(88)")
    with pytest.raises(DecryptError):
        house.call(api.Decrypt, api.DecryptRequest(CiphertextBlob=blob))


def test_listings_and_uses_read_by_index(house: House) -> None:
    """No plan of ours scans a table or sorts: a page costs the same with a thousand keys and with a million."""
    wrong: list[str] = []
    for name, statement in vars(records).items():
        if isinstance(statement, records.Statement) and not statement.text.startswith("INSERT"):
            values = (1,) * statement.text.count("?")
            for *_, detail in house.database.reading.execute(f"EXPLAIN QUERY PLAN {statement.text}", values):
                if detail.startswith("SCAN") or "TEMP B-TREE" in detail:
                    wrong.append(f"{name}: {detail}")
    assert not wrong
