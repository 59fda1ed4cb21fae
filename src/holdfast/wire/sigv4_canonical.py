"""The steps of AWS Signature Version 4, from a request's bytes to its signature.

They carry botocore's names (`canonical_request`, `string_to_sign`, `signature`), so a mismatch can be compared with the
client's own debug log step by step. Rules: "Create a signed AWS API request" in the IAM user guide.

Text stands for bytes: every string that came off the wire is Latin-1 of the bytes received, and is hashed as such.
INVARIANT: nothing is dropped silently. A header listed as signed but absent gets no line (an empty one would let a
proxy strip an empty header unnoticed), and a query part that cannot be decoded is signed as it stands.
"""

from __future__ import annotations

import hmac
from collections.abc import Hashable
from hashlib import sha256
from operator import itemgetter
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"

_COVERED = 32
"""Lists of header names that are remembered, and names in each: clients choose both."""

SigningKeyName = tuple[str, Hashable, str]
"""Access key id, version of the row that holds its secret, credential scope."""


class Scope:
    """What a signing key is good for. `text` is the four parts joined with slashes, as signed."""

    __slots__ = ("date", "region", "service", "terminator", "text")

    def __init__(self, text: str, date: str, region: str, service: str, terminator: str) -> None:
        self.text = text
        self.date = date
        """yyyymmdd, not checked."""
        self.region = region
        self.service = service
        self.terminator = terminator

    def __repr__(self) -> str:
        return f"Scope({self.text!r})"


class Steps(msgspec.Struct, frozen=True, gc=False):
    """The two texts that lead to a signature. Not shown by repr: headers are in them, the session token included."""

    canonical_request: str
    string_to_sign: str

    def __repr__(self) -> str:
        return "Steps(canonical_request=..., string_to_sign=...)"


class SignedHeaders:
    """The value of SignedHeaders, prepared so that the canonical headers of a request are one formatting operation."""

    __slots__ = ("_block", "_covered", "_values", "names")

    def __init__(self, text: str) -> None:
        """`text` is the list as sent, names between semicolons in any order and case."""
        ordered = sorted({name for name in text.lower().split(";") if name})
        self.names = frozenset(ordered)
        # itemgetter answers a bare string for one name, which the operator % takes as well; for none, nothing is asked.
        self._values = itemgetter(*ordered) if ordered else None
        lines = "".join(f"{name}:%s\n" for name in (name.replace("%", "%%") for name in ordered))
        self._block = f"{lines}\n{';'.join(ordered).replace('%', '%%')}\n"
        self._covered: set[tuple[str, ...]] = set()

    def unsigned(self, headers: dict[str, str]) -> str:
        """A header that must be signed and is not; empty when there is none.

        What a client signs covers the same names with each of its requests: they are looked at once, in half the time.
        """
        present = tuple(headers)
        if present in self._covered:
            return ""
        if "host" not in self.names and ":authority" not in self.names:
            return "host"
        for name in present:
            if name.startswith("x-amz-") and name not in self.names:
                return name
        if len(self._covered) < _COVERED and len(present) <= _COVERED:
            self._covered.add(present)
        return ""

    def canonical(self, headers: dict[str, str]) -> str:
        """Canonical headers, the blank line, and the list of names: the lines four to n - 1 of a canonical request."""
        if self._values is not None:
            try:
                filled = self._block % self._values(headers)
            except KeyError:
                return self._canonical_carefully(headers)
            # Outer blanks are off already (see `Request.headers`); inner runs are rare enough to look for.
            if "  " not in filled and "\t" not in filled:
                return filled
        return self._canonical_carefully(headers)

    def _canonical_carefully(self, headers: dict[str, str]) -> str:
        lines: list[str] = []
        ordered = sorted(self.names)
        for name in ordered:
            value = headers.get("host" if name == ":authority" else name)
            if value is not None:
                lines.append(f"{name}:{collapse_blanks(value)}\n")
        return f"{''.join(lines)}\n{';'.join(ordered)}\n"

    def __repr__(self) -> str:
        return f"SignedHeaders({';'.join(sorted(self.names))!r})"


def collapse_blanks(value: str) -> str:
    """Outer blanks off, each inner run of blanks made one space. Not str.split(): 0xA0 and 0x85 are parts of UTF-8."""
    return " ".join(word for word in value.replace("\t", " ").split(" ") if word)


def canonical_uri(path: str) -> str:
    """The path normalised (RFC 3986 5.2.4, and no empty segments) and encoded once more than on the wire.

    `/a/../b`, `//b` and `/b` therefore share one signature: a router must refuse such paths or normalise them alike.
    """
    if path in {"/", ""}:
        return "/"
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in {"", "."}:
            segments.append(segment)
    first = "/" if path[0] == "/" else ""
    last = "/" if path[-1] == "/" and segments else ""
    return quote_from_bytes(wire_bytes(first + "/".join(segments) + last), safe="/~")


def query_pairs(query: str) -> list[tuple[bytes, bytes]]:
    """Names and values of a query string, decoded, in order. `+` is a blank, as HTML forms and urlencode write it."""
    pairs: list[tuple[bytes, bytes]] = []
    for part in query.split("&"):
        if part:
            name, _, value = wire_bytes(part.replace("+", " ")).partition(b"=")
            pairs.append((unquote_to_bytes(name), unquote_to_bytes(value)))
    return pairs


def canonical_query(query: str, *, presigned: bool) -> str:
    """Names and values in RFC 3986 encoding, sorted by name and then by value; without the signature if `presigned`."""
    encoded = [
        (quote_from_bytes(name, safe="-_.~"), quote_from_bytes(value, safe="-_.~"))
        for name, value in query_pairs(query)
        if not (presigned and name == b"X-Amz-Signature")
    ]
    encoded.sort()
    return "&".join([f"{name}={value}" for name, value in encoded])


def canonical_request(
    method: str, target: str, headers: dict[str, str], signed: SignedHeaders, payload_hash: str, *, presigned: bool
) -> str:
    """The request as signed. `target` is path and query as on the wire; `payload_hash` is the last line."""
    if target == "/":
        return f"{method}\n/\n\n{signed.canonical(headers)}{payload_hash}"
    path, _, query = target.partition("?")
    uri = canonical_uri(path)
    return f"{method}\n{uri}\n{canonical_query(query, presigned=presigned)}\n{signed.canonical(headers)}{payload_hash}"


def string_to_sign(date: str, scope: Scope, canonical: str) -> str:
    """`date` as yyyymmddThhmmssZ."""
    return f"{ALGORITHM}\n{date}\n{scope.text}\n{sha256(wire_bytes(canonical)).hexdigest()}"


def signing_key(secret: bytes, scope: Scope) -> bytes:
    """The 32 bytes that sign for one secret access key and one scope."""
    key = b"AWS4" + secret
    for part in (scope.date, scope.region, scope.service, scope.terminator):
        key = hmac.digest(key, wire_bytes(part), "sha256")
    return key


def signature(key: bytes, text: str) -> str:
    """The signature of a string to sign, in lower-case hexadecimal."""
    return hmac.digest(key, wire_bytes(text), "sha256").hex()


def wire_bytes(text: str) -> bytes:
    """The bytes that a string off the wire stands for.

    A character above U+00FF cannot have come from there; it is spelled out, so that the signature fails instead of us.
    """
    return text.encode("latin-1", "backslashreplace")


class SigningKey:
    """A signing key, ready to sign. The HMAC state after the key is kept and copied: 0.5 us for each text, not 1.3."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed = HMAC(key, SHA256())

    def signature(self, text: str) -> str:
        """As the function of this name."""
        state = self._keyed.copy()
        state.update(wire_bytes(text))
        return state.finalize().hex()

    def __repr__(self) -> str:
        return "SigningKey(...)"


class SigningKeys:
    """Signing keys derived lately, so that a request costs one HMAC instead of five, and no unwrapping of its secret.

    INVARIANT: the version of the row that holds the secret is part of a key's name, and whoever asks has read that row
    in its own transaction. The key of a deleted, rotated or deactivated secret is therefore never asked for; nothing
    has to be invalidated. Only a verified request adds an entry, so nobody without a secret can push others out. Two
    generations approximate "least recently used" without touching an entry on a hit.
    """

    __slots__ = ("_generation", "_old", "_young")

    def __init__(self, bound: int = 4096) -> None:
        """`bound` is the most keys held, at least two."""
        self._generation = max(1, bound // 2)
        self._young: dict[SigningKeyName, SigningKey] = {}
        self._old: dict[SigningKeyName, SigningKey] = {}

    def get(self, name: SigningKeyName) -> SigningKey | None:
        """The key, or None when it is not held."""
        key = self._young.get(name)
        if key is None:
            key = self._old.get(name)
            if key is not None:
                self.put(name, key)
        return key

    def put(self, name: SigningKeyName, key: SigningKey) -> None:
        """Hold a key; the generation that was not used since the last turn goes when there is no room."""
        if len(self._young) >= self._generation:
            self._old = self._young
            self._young = {}
        self._young[name] = key

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def __repr__(self) -> str:
        return f"SigningKeys({len(self)} of at most {self._generation * 2})"
