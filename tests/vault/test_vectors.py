"""The vault and a second reader, written from the document alone, agree with every test vector."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.vault import reference, vector_cases

from holdfast.vault import kms_blob, page_token, sealing
from holdfast.vault.errors import DecryptError, RootKeyError
from holdfast.vault.kms_blob import KeyMaterial
from holdfast.vault.root_key import RootKey, RootKeys
from holdfast.vault.sealing import Form, PurposeKeys, SealedColumn

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "formats.md"
FAILURES = {"format-error", "unknown-key", "decrypt-error"}


def cases(file: str) -> list[Any]:
    document = json.loads((vector_cases.DIRECTORY / f"{file}.json").read_text())
    return [pytest.param(case, id=case["name"]) for case in document["cases"]]


def expected(case: dict[str, Any]) -> tuple[str, bytes | None]:
    assert case["outcome"] in FAILURES | {"success"}
    return case["outcome"], bytes.fromhex(case["plaintext"]) if case["outcome"] == "success" else None


def row_of(case: dict[str, Any]) -> list[str | int | bytes]:
    return [bytes.fromhex(part["b"]) if "b" in part else next(iter(part.values())) for part in case["row"]]


def secrets_of(case: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(key) for key in case["root_keys"]]


def root_keys_of(case: dict[str, Any]) -> RootKeys:
    # The vault always has a key; where a vector gives none, it is one that made nothing.
    keys = [RootKey(secret) for secret in secrets_of(case) or [bytes(32)]]
    return RootKeys(keys[0], tuple(keys[1:]), source="vectors")


def place_of(case: dict[str, Any]) -> tuple[str, str, str]:
    return case["table"], case["column"], case["purpose"]


def check(case: dict[str, Any], opened: Any) -> None:
    """The vault's own answer: the plaintext, or the one DecryptError."""
    outcome, plaintext = expected(case)
    if outcome == "success":
        assert opened() == plaintext
    else:
        with pytest.raises(DecryptError, match=r"\Athe ciphertext does not open\Z"):
            opened()


@pytest.mark.parametrize("case", cases("sealed"))
def test_sealed(case: dict[str, Any]) -> None:
    sealed, row = bytes.fromhex(case["sealed"]), row_of(case)
    column = SealedColumn(*place_of(case), Form.ROOT, ())
    keys = PurposeKeys.for_column(root_keys_of(case), column)
    check(case, lambda: sealing.open_sealed(keys, column, tuple(row), sealed))
    if case["outcome"] == "format-error":
        with pytest.raises(DecryptError):
            sealing.root_key_id(sealed)
    else:
        known = sealing.root_key_id(sealed) in [reference.root_key_id(secret) for secret in secrets_of(case)]
        assert known == (case["outcome"] != "unknown-key")
    assert reference.open_sealed(secrets_of(case), *place_of(case), row, sealed) == expected(case)


@pytest.mark.parametrize("case", cases("value"))
def test_value(case: dict[str, Any]) -> None:
    sealed, row, data_key = bytes.fromhex(case["sealed"]), row_of(case), bytes.fromhex(case["data_key"])
    column = SealedColumn(*place_of(case), Form.DATA_KEY, ())
    check(case, lambda: sealing.open_value(data_key, column, tuple(row), sealed))
    assert reference.open_value(data_key, *place_of(case), row, sealed) == expected(case)


@pytest.mark.parametrize("case", cases("kms_blob"))
def test_kms_blob(case: dict[str, Any]) -> None:
    blob, secret = bytes.fromhex(case["blob"]), bytes.fromhex(case["material"])
    material = KeyMaterial(case["key_id"], case["material_id"], secret)
    check(case, lambda: material.decrypt(dict(case["context"]), blob))
    if case["outcome"] == "format-error":
        with pytest.raises(DecryptError):
            kms_blob.parse_header(blob)
    else:
        header = kms_blob.parse_header(blob)
        known = (header.key_id, header.material_id) == (case["key_id"], case["material_id"])
        assert known == (case["outcome"] != "unknown-key")
    found = reference.open_blob(case["key_id"], case["material_id"], secret, case["context"], blob)
    assert found == expected(case)


@pytest.mark.parametrize("case", cases("page_token"))
def test_page_token(case: dict[str, Any]) -> None:
    scope = bytes.fromhex(case["scope"])
    keys = page_token.token_keys(root_keys_of(case))
    check(case, lambda: page_token.open_token(keys, scope, case["token"]))
    assert reference.open_token(secrets_of(case), scope, case["token"]) == expected(case)


@pytest.mark.parametrize("case", cases("root_key"))
def test_root_key(case: dict[str, Any]) -> None:
    if case["outcome"] == "success":
        keys = RootKeys.parse(case["text"], source="vector")
        assert [key.secret.hex() for key in keys] == case["root_keys"]
        assert list(keys.ids) == case["ids"] == [reference.root_key_id(bytes.fromhex(key)) for key in case["root_keys"]]
        assert reference.parse_root_keys(case["text"]) == secrets_of(case)
    else:
        assert case["outcome"] == "format-error"
        with pytest.raises(RootKeyError):
            RootKeys.parse(case["text"], source="vector")
        assert reference.parse_root_keys(case["text"]) is None


@pytest.mark.parametrize("file", vector_cases.FILES)
def test_files_are_what_the_code_makes(file: str) -> None:
    assert (vector_cases.DIRECTORY / f"{file}.json").read_text() == vector_cases.build(file)


@pytest.mark.parametrize("file", vector_cases.FILES)
def test_names_are_unique(file: str) -> None:
    names = [case["name"] for case in json.loads(vector_cases.build(file))["cases"]]
    assert len(set(names)) == len(names)


def walked_through(heading: str) -> dict[str, str]:
    """The values of a walk-through table of the document."""
    section = DOCUMENT.read_text().split(f"### {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+?) +\| `([^`]+)` +\|$", section, re.MULTILINE))


def test_document_walks_through_a_sealed_value() -> None:
    case = json.loads(vector_cases.build("sealed"))["cases"][0]
    shown = walked_through("Walk-through: a sealed value")
    sealed, root = bytes.fromhex(case["sealed"]), bytes.fromhex(case["root_keys"][0])
    wrapping = reference.subkey(root, case["purpose"])
    assert shown == {
        "root key": root.hex(),
        "root key id": reference.root_key_id(root),
        "subkey": wrapping.hex(),
        "salt": sealed[12:28].hex(),
        "message key": reference.message_key(wrapping, b"holdfast-seal-v1", sealed[12:28]).hex(),
        "nonce": sealed[28:40].hex(),
        "place": reference.place(*place_of(case), row_of(case)).hex(),
        "plaintext": case["plaintext"],
        "sealed": case["sealed"],
    }


def test_document_walks_through_a_blob() -> None:
    case = json.loads(vector_cases.build("kms_blob"))["cases"][0]
    shown = walked_through("Walk-through: a KMS ciphertext blob")
    blob, material = bytes.fromhex(case["blob"]), bytes.fromhex(case["material"])
    assert shown == {
        "material": case["material"],
        "salt": blob[55:71].hex(),
        "message key": reference.message_key(material, b"holdfast-kms-v1", blob[55:71]).hex(),
        "nonce": blob[71:83].hex(),
        "context": reference.context_bytes(case["context"]).hex(),
        "plaintext": case["plaintext"],
        "blob": case["blob"],
    }
