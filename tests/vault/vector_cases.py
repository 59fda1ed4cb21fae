"""Makes the test vectors in tests/vault/vectors. They change only when a format does.

    python tests/vault/vector_cases.py      writes the files anew

Every case has a name, its inputs and an outcome:

    success         opens; the plaintext is given
    format-error    refused before any key is looked at
    unknown-key     well formed, but names a key that is not among those given
    decrypt-error   the right key by name, but the authentication fails

The vault answers the last three with the same DecryptError; a second implementation may tell them apart inside.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdfast.vault import page_token, sealing
from holdfast.vault.kms_blob import KeyMaterial
from holdfast.vault.randomness import UnsafeSeededRandomness
from holdfast.vault.root_key import RootKey, RootKeys
from holdfast.vault.sealing import Form, PurposeKeys, Row, SealedColumn

Case = dict[str, Any]
DIRECTORY = Path(__file__).parent / "vectors"
FILES = ("sealed", "value", "kms_blob", "page_token", "root_key")


def secret(name: str) -> bytes:
    """A 32-byte key of its own for each name."""
    return UnsafeSeededRandomness(f"vectors/key/{name}").bytes(32)


def flip(data: bytes, at: int) -> bytes:
    """The data with the lowest bit of one byte flipped."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def row_json(row: Row) -> list[dict[str, Any]]:
    tags = {str: "s", int: "i", bytes: "b"}
    return [{tags[type(part)]: part.hex() if isinstance(part, bytes) else part} for part in row]


def column(table: str = "example", name: str = "secret_sealed", purpose: str = "example-secret") -> SealedColumn:
    return SealedColumn(table, name, purpose, Form.ROOT, ())


def tampered(data: bytes, fields: dict[str, tuple[int, str]], header: int) -> Iterator[tuple[str, bytes, str]]:
    """One flipped bit in each field, and every way to have the wrong length: (name, bytes, outcome)."""
    for name, (at, outcome) in fields.items():
        yield f"tampered {name}", flip(data, at), outcome
    yield "last byte missing", data[:-1], "decrypt-error"
    yield "one byte appended", data + b"\0", "decrypt-error"
    yield "header and less than a tag", data[: header + 15], "format-error"
    yield "empty", b"", "format-error"


def sealed_cases() -> Iterator[Case]:
    keys = RootKeys(RootKey(secret("current")), (RootKey(secret("previous")),), source="vectors")
    secrets = [key.secret.hex() for key in keys]
    plaintext = b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    home, row = column(), ("AKIAIOSFODNN7EXAMPLE",)

    def case(name: str, outcome: str, sealed: bytes, where: SealedColumn = home, at: Row = row, **changes: Any) -> Case:
        place = {"table": where.table, "column": where.column, "purpose": where.purpose, "row": row_json(at)}
        return {"name": name, "outcome": outcome, "root_keys": secrets, **place, "sealed": sealed.hex(), **changes}

    def made(name: str, at: Row = row, text: bytes = plaintext, under: RootKeys = keys) -> bytes:
        randomness = UnsafeSeededRandomness(f"vectors/sealed/{name}")
        return sealing.seal(PurposeKeys.for_column(under, home), home, at, text, randomness)

    sealed = made("plain")
    yield case("plain", "success", sealed, plaintext=plaintext.hex())
    yield case("empty plaintext", "success", made("empty", text=b""), plaintext="")
    mixed: Row = ("name/ü", -7, b"\x00\xff")
    yield case("row of text, integer and bytes", "success", made("mixed", mixed), at=mixed, plaintext=plaintext.hex())
    previous = RootKeys(RootKey(secret("previous")), source="vectors")
    yield case("under the previous key", "success", made("previous", under=previous), plaintext=plaintext.hex())
    yield case("key no longer given", "unknown-key", made("previous", under=previous), root_keys=secrets[:1])
    yield case("no key given", "unknown-key", sealed, root_keys=[])
    yield case("moved to another row", "decrypt-error", sealed, at=("AKIAI44QH8DHBEXAMPLE",))
    yield case("moved to another table", "decrypt-error", sealed, column(table="other"))
    yield case("moved to another column", "decrypt-error", sealed, column(name="other_sealed"))
    yield case("taken for another purpose", "decrypt-error", sealed, column(purpose="other-secret"))
    yield case("boundary of names moved", "decrypt-error", sealed, column("examples", "ecret_sealed"))
    for name, at, other in (
        ("row part split elsewhere", ("ab", "c"), ("a", "bc")),
        ("row part of another type", ("7",), (7,)),
        ("row part of bytes, not text", ("7",), (b"7",)),
        ("row part more", ("a",), ("a", "")),
    ):
        yield case(name, "decrypt-error", made(name, at), at=other)
    fields = {"magic": (0, "format-error"), "version": (3, "format-error"), "key id": (4, "unknown-key")}
    fields |= {"salt": (12, "decrypt-error"), "nonce": (28, "decrypt-error")}
    fields |= {"ciphertext": (40, "decrypt-error"), "tag": (len(sealed) - 1, "decrypt-error")}
    for name, data, outcome in tampered(sealed, fields, 40):
        yield case(name, outcome, data)


def value_cases() -> Iterator[Case]:
    where, row = column("version", "value_sealed", "example-value"), ("arn:example", "terraform-20200101")
    data_key, plaintext = secret("data"), b'{"username":"admin","password":"correct horse"}'

    def case(name: str, outcome: str, sealed: bytes, at: Row = row, **changes: Any) -> Case:
        place = {"table": where.table, "column": where.column, "purpose": where.purpose, "row": row_json(at)}
        return {
            "name": name,
            "outcome": outcome,
            "data_key": data_key.hex(),
            **place,
            "sealed": sealed.hex(),
            **changes,
        }

    sealed = sealing.seal_value(data_key, where, row, plaintext, UnsafeSeededRandomness("vectors/value/plain"))
    empty = sealing.seal_value(data_key, where, row, b"", UnsafeSeededRandomness("vectors/value/empty"))
    yield case("plain", "success", sealed, plaintext=plaintext.hex())
    yield case("empty plaintext", "success", empty, plaintext="")
    yield case("another data key", "decrypt-error", sealed, data_key=secret("other").hex())
    yield case("moved to another version", "decrypt-error", sealed, at=("arn:example", "terraform-20200102"))
    yield case("sealed under the root key instead", "format-error", b"hfs\x01" + sealed[4:])
    fields = {"magic": (1, "format-error"), "version": (3, "format-error"), "nonce": (4, "decrypt-error")}
    fields |= {"ciphertext": (16, "decrypt-error"), "tag": (len(sealed) - 16, "decrypt-error")}
    for name, data, outcome in tampered(sealed, fields, 16):
        yield case(name, outcome, data)


def kms_blob_cases() -> Iterator[Case]:
    key_id, multi = "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"
    ids = {"key_id": key_id, "material_id": secret("material id").hex()}
    material = KeyMaterial(ids["key_id"], ids["material_id"], secret("material"))
    context = {
        "SecretARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db-AbCdEf",
        "SecretVersionId": "v1",
    }
    pairs, plaintext = [list(pair) for pair in context.items()], b"attack at dawn"

    def case(name: str, outcome: str, blob: bytes, **changes: Any) -> Case:
        given: Case = {**ids, "material": secret("material").hex(), "context": pairs, "blob": blob.hex()}
        return {"name": name, "outcome": outcome, **given, **changes}

    def made(name: str, under: KeyMaterial = material, pairs: dict[str, str] | None = context) -> bytes:
        return under.encrypt(pairs, plaintext, UnsafeSeededRandomness(f"vectors/kms_blob/{name}"))

    opened = {"plaintext": plaintext.hex()}
    blob = made("plain")
    yield case("plain", "success", blob, **opened)
    yield case("context in another order", "success", blob, context=pairs[::-1], **opened)
    yield case("no context", "success", made("none", pairs=None), context=[], **opened)
    unicode = {"ключ": "値", "a": "", "": "empty key"}
    unicode_pairs = [list(pair) for pair in unicode.items()]
    yield case("context beyond ASCII", "success", made("unicode", pairs=unicode), context=unicode_pairs, **opened)
    regional = KeyMaterial(multi, ids["material_id"], secret("material"))
    yield case("multi-Region key", "success", made("multi", regional), key_id=multi, **opened)
    first, second = pairs
    for name, other in {
        "context missing": [],
        "context pair missing": [first],
        "context pair more": [*pairs, ["more", ""]],
        "context key in another case": [["secretarn", first[1]], second],
        "context value in another case": [[first[0], first[1].upper()], second],
        "context values exchanged": [[first[0], second[1]], [second[0], first[1]]],
        "context boundary moved": [["SecretARNa", first[1][1:]], second],
    }.items():
        yield case(name, "decrypt-error", blob, context=other)
    composed = made("composed", pairs={"name": "\u00e9"})
    yield case("context is not normalised", "decrypt-error", composed, context=[["name", "e\u0301"]])
    yield case("another key", "unknown-key", blob, key_id="1234abcd-12ab-34cd-56ef-1234567890ac")
    yield case("another material of the key", "unknown-key", blob, material_id=secret("other id").hex())
    yield case("kind changed to multi-Region", "unknown-key", blob[:6] + b"\x02" + blob[7:])
    yield case("kind unknown", "format-error", blob[:6] + b"\x03" + blob[7:])
    yield case("right names, wrong secret", "decrypt-error", blob, material=secret("other").hex())
    yield case("larger than 6144 bytes", "format-error", blob + bytes(6145 - len(blob)))
    fields = {"first byte": (0, "format-error"), "version": (5, "format-error"), "key id": (7, "unknown-key")}
    fields |= {"material id": (23, "unknown-key"), "salt": (55, "decrypt-error"), "nonce": (71, "decrypt-error")}
    fields |= {"ciphertext": (83, "decrypt-error"), "tag": (len(blob) - 1, "decrypt-error")}
    for name, data, outcome in tampered(blob, fields, 83):
        yield case(name, outcome, data)


def page_token_cases() -> Iterator[Case]:
    keys = RootKeys(RootKey(secret("current")), source="vectors")
    scope, payload = b'["ListSecrets","123456789012","eu-central-1",[]]', b'["prod/db"]'

    def case(name: str, outcome: str, token: str, **changes: Any) -> Case:
        given: Case = {"root_keys": [keys.current.secret.hex()], "scope": scope.hex(), "token": token}
        return {"name": name, "outcome": outcome, **given, **changes}

    def made(name: str, text: bytes = payload) -> str:
        randomness = UnsafeSeededRandomness(f"vectors/page_token/{name}")
        return page_token.seal_token(page_token.token_keys(keys), scope, text, randomness)

    token = made("plain")
    yield case("plain", "success", token, plaintext=payload.hex())
    for size in range(3):
        yield case(f"payload of {size} bytes", "success", made(f"{size}", bytes(size)), plaintext=bytes(size).hex())
    yield case("another account", "decrypt-error", token, scope=scope.replace(b"1234", b"4321").hex())
    yield case("another root key", "unknown-key", token, root_keys=[secret("previous").hex()])
    yield case("padding", "format-error", made("1", bytes(1)) + "=")
    unused = made("0", b"")
    yield case("unused bits set", "format-error", unused[:-1] + chr(ord(unused[-1]) + 1))
    yield case("characters of the other alphabet", "format-error", token[:-4] + "+/+/")
    yield case("white space inside", "format-error", token[:8] + "\n" + token[8:])
    yield case("not ASCII", "format-error", token[:-1] + "é")
    yield case("longer than 8192", "format-error", "A" * 8193)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    fields = {"magic": (2, "format-error"), "version": (3, "format-error"), "key id": (11, "unknown-key")}
    fields |= {"salt": (27, "decrypt-error"), "nonce": (39, "decrypt-error")}
    fields |= {"ciphertext": (40, "decrypt-error"), "tag": (len(raw) - 1, "decrypt-error")}
    for name, data, outcome in tampered(raw, fields, 40):
        yield case(name, outcome, base64.urlsafe_b64encode(data).decode().rstrip("="))


def root_key_cases() -> Iterator[Case]:
    current, previous = (RootKeys(RootKey(secret(name)), source="") for name in ("current", "previous"))
    line, other = current.export_text(), previous.export_text()
    name, key_id, encoded = line.strip().split(":")

    def case(name: str, outcome: str, text: str, *keys: RootKeys) -> Case:
        opened = {"root_keys": [key.current.secret.hex() for key in keys], "ids": [key.current.id for key in keys]}
        return {"name": name, "outcome": outcome, "text": text} | (opened if keys else {})

    yield case("one key", "success", line, current)
    yield case("without the last line end", "success", line.strip(), current)
    yield case("current and previous", "success", line + other, current, previous)
    yield case("blank lines", "success", f"\n{line}\n  \n{other}", current, previous)
    yield case("empty", "format-error", "")
    yield case("unknown version", "format-error", line.replace("v1", "v2"))
    yield case("key id of another key", "format-error", f"{name}:{previous.current.id}:{encoded}\n")
    yield case(
        "one character of the key changed", "format-error", f"{name}:{key_id}:{flip(encoded.encode(), 0).decode()}"
    )
    yield case("key too short", "format-error", f"{name}:{key_id}:{base64.b64encode(bytes(31)).decode()}")
    yield case("key too long", "format-error", f"{name}:{key_id}:{base64.b64encode(bytes(33)).decode()}")
    yield case("padding missing", "format-error", f"{name}:{key_id}:{encoded.rstrip('=')}")
    unused = encoded[:-2] + chr(ord(encoded[-2]) + 1) + "="
    yield case("unused bits of the key set", "format-error", f"{name}:{key_id}:{unused}")
    yield case("foreign character in the key", "format-error", f"{name}:{key_id}:{encoded[:8]}!{encoded[8:]}")
    yield case("key id in upper case", "format-error", f"{name}:{key_id.upper()}:{encoded}")
    yield case("white space around a line", "success", f"  {line.strip()}\t\n", current)
    yield case("key without its id", "format-error", encoded)
    yield case("same key twice", "format-error", line + line)
    yield case("a comment", "format-error", f"# production\n{line}")
    yield case("seventeen keys", "format-error", line * 17)


def build(file: str) -> str:
    """The text of one vector file."""
    cases = {
        "sealed": sealed_cases,
        "value": value_cases,
        "kms_blob": kms_blob_cases,
        "page_token": page_token_cases,
        "root_key": root_key_cases,
    }[file]
    about = "See docs/reference/formats.md. Made by tests/vault/vector_cases.py. Bytes are hexadecimal."
    return json.dumps({"about": about, "cases": list(cases())}, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    for file in FILES:
        (DIRECTORY / f"{file}.json").write_text(build(file))
