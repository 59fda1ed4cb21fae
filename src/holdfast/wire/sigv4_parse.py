"""Reading the credentials that a request presents: Authorization header or presigned query.

Nothing here is proven; `sigv4.verify` does that. Each missing or malformed part has its own sentence of AWS's.
INVARIANT: every input ends in a `Presented`, in None (no credentials at all) or in a `SignatureError`, in time linear
in its size, and no text or repr repeats what may be a secret pasted in the wrong place.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from holdfast.remember import remember
from holdfast.wire.messages import Request
from holdfast.wire.sigv4_canonical import ALGORITHM, Scope, SignedHeaders, query_pairs
from holdfast.wire.sigv4_errors import AmbiguousSignature, IncompleteSignatureException, hashed, shown

LONGEST_EXPIRY = 604_800
"""Seconds that a presigned request may ask to be valid for; the least is 1."""

_PREFIX = "X-Amz-"
_PRESIGNED_REQUIRED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
)
_PRESIGNED_KNOWN = frozenset({*_PRESIGNED_REQUIRED, "X-Amz-Security-Token"})
_PRESIGNED_MARKS = frozenset({"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"})
_HEADER_REQUIRED = ("Credential", "Signature", "SignedHeaders")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Presented:
    """The credentials a request claims. Nothing here is proven yet."""

    __slots__ = (
        "access_key_id",
        "date",
        "expires",
        "form",
        "scope",
        "session_token",
        "signature",
        "signed_headers",
        "timestamp",
    )

    def __init__(
        self,
        form: Literal["header", "presigned"],
        access_key_id: str,
        scope: Scope,
        signed_headers: SignedHeaders,
        signature: str,
        date: str,
        timestamp: int,
        session_token: str | None = None,
        expires: int | None = None,
    ) -> None:
        self.form = form
        self.access_key_id = access_key_id
        self.scope = scope
        self.signed_headers = signed_headers
        self.signature = signature
        self.date = date
        """yyyymmddThhmmssZ, a real moment."""
        self.timestamp = timestamp
        """The same in seconds since 1970."""
        self.session_token = session_token
        self.expires = expires
        """Seconds a presigned request asks to be valid for."""

    def __repr__(self) -> str:
        # A secret key pasted in the place of the id must not come out in a log; ids are upper-case letters and digits.
        plausible = self.access_key_id.isalnum() and self.access_key_id.isupper()
        key = shown(self.access_key_id) if plausible else "not an access key id"
        return f"Presented({self.form}, {key}, {shown(self.scope.text)!r}, {self.date})"


_Parts = tuple[str, Scope, SignedHeaders]
_MEMO_ENTRIES = 1024
_MEMO_LENGTH = 1024
_MEMO_HEADERS = 32
# One client's Authorization headers differ in the signature only, and many requests are signed in the same second. Both
# tables hold what well-formed text says, keyed by that text: no secret, and never stale. Anybody can fill them, so they
# are small (at most some 6 MB, reached by hostile input only).
_parts_of: Final[dict[str, _Parts]] = {}
_timestamp_of: Final[dict[str, int]] = {}


def parse(request: Request) -> Presented | None:
    """What the request presents; None when it carries no credentials in either form.

    Raises IncompleteSignatureException for malformed parts, AmbiguousSignature for both forms at once.
    """
    authorization = request.headers.get("authorization")
    presigned = _presigned_parameters(request.target) if "?" in request.target else None
    if authorization is None:
        return None if presigned is None else _parse_presigned(presigned, request.headers)
    if presigned is not None:
        raise AmbiguousSignature
    return _parse_header(authorization, request.headers)


def _parse_header(authorization: str, headers: dict[str, str]) -> Presented:
    prefix, _, signed = authorization.rpartition("Signature=")
    date = headers.get("x-amz-date")
    parts = _parts_of.get(prefix)
    if parts is None or date is None or len(signed) != 64:
        parts, signed = _read_authorization(authorization, headers)
        usual = len(signed) == 64 and authorization.endswith(signed) and len(parts[2].names) <= _MEMO_HEADERS
        if usual and len(prefix) <= _MEMO_LENGTH:
            remember(_parts_of, prefix, parts, _MEMO_ENTRIES)
        if date is None:
            date = _basic_date(headers.get("date", ""))
    timestamp = _timestamp_of.get(date)
    if timestamp is None:
        timestamp = _read_date(date)
    return Presented(
        "header", parts[0], parts[1], parts[2], signed, date, timestamp, headers.get("x-amz-security-token")
    )


def _read_authorization(authorization: str, headers: dict[str, str]) -> tuple[_Parts, str]:
    """The long way: every part, with AWS's sentence for each one that is missing."""
    algorithm, _, rest = authorization.replace("\t", " ").partition(" ")
    if "=" in algorithm:
        raise IncompleteSignatureException(
            "Authorization header must begin with the algorithm name, which cannot include an equal-sign."
        )
    values: dict[str, str] = {}
    for piece in rest.replace(",", " ").split(" "):
        if not piece:
            continue
        name, equals, value = piece.partition("=")
        if not equals:
            raise IncompleteSignatureException(
                "Invalid key=value pair (missing equal-sign) in Authorization header "
                f"(hashed with SHA-256 and encoded with Base64): '{hashed(authorization)}'."
            )
        if name in values and name in _HEADER_REQUIRED:
            raise IncompleteSignatureException(f"Authorization header has more than one '{name}' parameter.")
        values[name] = value
    missing = [f"Authorization header requires '{name}' parameter." for name in _HEADER_REQUIRED if name not in values]
    if "x-amz-date" not in headers and "date" not in headers:
        missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if missing:
        missing.append(f"(Hashed with SHA-256 and encoded with Base64) Authorization={hashed(authorization)}")
        raise IncompleteSignatureException(" ".join(missing))
    access_key_id, scope = _read_credential(algorithm, values["Credential"])
    return (access_key_id, scope, SignedHeaders(values["SignedHeaders"])), values["Signature"]


def _presigned_parameters(target: str) -> dict[str, str] | None:
    """The X-Amz-* parameters of a presigned query by decoded name; None when the query is not a presigned one."""
    query = target.partition("?")[2]
    # A name may be percent-encoded, and the router will see it decoded: look closer whenever it could be.
    if _PREFIX not in query and "%" not in query:
        return None
    found: dict[str, str] = {}
    twice = ""
    for raw_name, raw_value in query_pairs(query):
        name = raw_name.decode("latin-1")
        if name in _PRESIGNED_KNOWN:
            twice = name if name in found else twice
            found[name] = raw_value.decode("latin-1")
    if _PRESIGNED_MARKS.isdisjoint(found):
        return None
    if twice:
        raise IncompleteSignatureException(
            f"AWS query-string parameters must include '{twice}' only once. Re-examine the query-string parameters."
        )
    return found


def _parse_presigned(values: dict[str, str], headers: dict[str, str]) -> Presented:
    missing = [f"AWS query-string parameters must include '{n}'." for n in _PRESIGNED_REQUIRED if n not in values]
    if missing:
        raise IncompleteSignatureException(" ".join([*missing, "Re-examine the query-string parameters."]))
    date = values["X-Amz-Date"]
    timestamp = _read_date(date)
    access_key_id, scope = _read_credential(values["X-Amz-Algorithm"], values["X-Amz-Credential"])
    return Presented(
        "presigned",
        access_key_id,
        scope,
        SignedHeaders(values["X-Amz-SignedHeaders"]),
        values["X-Amz-Signature"],
        date,
        timestamp,
        values.get("X-Amz-Security-Token", headers.get("x-amz-security-token")),
        _read_expires(values["X-Amz-Expires"]),
    )


def _read_credential(algorithm: str, credential: str) -> tuple[str, Scope]:
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(
            f"Unsupported AWS 'algorithm': '{shown(algorithm)}' (only {ALGORITHM} for now). "
        )
    access_key_id, *scope = credential.split("/")
    if len(scope) != 4 or not access_key_id:
        # AWS repeats the credential here. A secret key pasted in the place of the id usually has a slash in it, which
        # is how one gets here: show its hash only.
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got (hashed with SHA-256 and encoded with Base64): '{hashed(credential)}'"
        )
    return access_key_id, Scope("/".join(scope), *scope)


def _read_expires(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise IncompleteSignatureException("X-Amz-Expires should be a number")
    # Nine digits are far beyond the limit, and int() of a million digits is not linear.
    seconds = int(text) if len(text) <= 9 else LONGEST_EXPIRY + 1
    if seconds > LONGEST_EXPIRY:
        raise IncompleteSignatureException(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{LONGEST_EXPIRY} seconds"
        )
    if seconds < 1:
        raise IncompleteSignatureException("X-Amz-Expires must be greater than zero")
    return seconds


def _read_date(date: str) -> int:
    """Seconds since 1970 of yyyymmddThhmmssZ."""
    digits = date[:8] + date[9:15]
    if len(date) == 16 and date[8] == "T" and date[15] == "Z" and digits.isascii() and digits.isdecimal():
        year = int(date[:4])
        month, day, hour, minute, second = [int(date[at : at + 2]) for at in (4, 6, 9, 11, 13)]
        try:
            timestamp = int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
        except ValueError:
            pass
        else:
            remember(_timestamp_of, date, timestamp, _MEMO_ENTRIES)
            return timestamp
    raise IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{shown(date)}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _basic_date(header: str) -> str:
    """The Date header in the form that is signed: it may be an HTTP date (RFC 9110 5.6.7) or in that form already."""
    words = header.replace(",", " ").split()
    if len(words) == 6 and words[2] in _MONTHS and words[5] in {"GMT", "UTC", "+0000", "-0000"}:
        _, day, month, year, clock, _ = words
        return f"{year}{_MONTHS.index(month) + 1:02}{day.zfill(2)}T{clock.replace(':', '')}Z"
    return header


def signed_service(request: Request) -> str:
    """The service that a request says it is signed for; empty when it says none. Nothing is proven, and nothing raises."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        values = dict(query_pairs(request.target.partition("?")[2]))
        credential = values.get(b"X-Amz-Credential", b"").decode("latin-1")
    else:
        credential = authorization.partition("Credential=")[2].partition(",")[0].partition(" ")[0]
    parts = credential.split("/")
    return parts[3] if len(parts) == 5 else ""
