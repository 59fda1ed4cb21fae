"""Why a request's signature was not accepted, in AWS's codes and texts.

The tree (JSON code | Query code, Query status; every JSON status is 400, every REST-JSON status 403)::

    SignatureError
    ├── MissingAuthenticationTokenException   nothing was signed          | MissingAuthenticationToken, 403
    ├── IncompleteSignatureException          a part missing or malformed | IncompleteSignature, 400
    ├── UnrecognizedClientException           no such key, or bad token   | InvalidClientTokenId, 403
    ├── ExpiredTokenException                 the session has ended       | ExpiredToken, 403
    ├── RequestExpired                        presigned, past its expiry  | RequestExpired, 400
    └── InvalidSignatureException                                         | SignatureDoesNotMatch, 403
        ├── AmbiguousSignature                header and presigned form at once
        ├── SignatureExpired                  dated before the clock window
        ├── SignatureNotYetCurrent            dated after it
        ├── HeaderNotSigned                   `host` or an `x-amz-*` header outside SignedHeaders
        ├── CredentialScopeError              wrong region, service, terminator or date
        ├── PayloadHashError                  x-amz-content-sha256 is no hash this server takes
        └── SignatureMismatch                 the signature is not the one these bytes have

INVARIANT: no text repeats the Authorization header or a credential whole. People paste bearer tokens and secret keys
where an access key id belongs, and error texts are logged; AWS shows a hash there too, and so do we.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from holdfast.api.base import CommonError
from holdfast.wire.sigv4_canonical import Scope, Steps

SHOWN = 128
"""At most so many characters of what a client sent come back in a text."""


def shown(text: str) -> str:
    """A client's own words, cut and without characters that an error document cannot carry."""
    return "".join(character if character.isprintable() else "?" for character in text[:SHOWN])


def hashed(text: str) -> str:
    """What AWS shows instead of an Authorization header: base64 of its SHA-256."""
    return base64.b64encode(hashlib.sha256(text.encode("latin-1", "backslashreplace")).digest()).decode()


def stamp(seconds: float) -> str:
    """A moment in the form of X-Amz-Date."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%dT%H%M%SZ")


class SignatureError(CommonError):
    """A request whose sender could not be established."""

    rest_status = 403


class MissingAuthenticationTokenException(SignatureError):
    """No Authorization header and no presigned parameters. The two families of protocols word it differently."""

    code = "MissingAuthenticationTokenException"
    query_code = "MissingAuthenticationToken"
    query_status = 403

    def __init__(self, protocol: Literal["json", "query", "rest-json"] = "json") -> None:
        super().__init__(
            "Request is missing Authentication Token" if protocol == "query" else "Missing Authentication Token"
        )


class IncompleteSignatureException(SignatureError):
    """A part of the credentials is missing or cannot be read."""

    code = "IncompleteSignatureException"
    query_code = "IncompleteSignature"
    query_status = 400


class UnrecognizedClientException(SignatureError):
    """Unknown or inactive access key; wrong or missing session token. One text for all, so none can be told apart."""

    code = "UnrecognizedClientException"
    query_code = "InvalidClientTokenId"
    query_status = 403

    def __init__(self) -> None:
        super().__init__("The security token included in the request is invalid.")


class ExpiredTokenException(SignatureError):
    """The temporary credentials have ended. SDKs fetch new ones on this code."""

    code = "ExpiredTokenException"
    query_code = "ExpiredToken"
    query_status = 403

    def __init__(self) -> None:
        super().__init__("The security token included in the request is expired")


class RequestExpired(SignatureError):
    """A presigned request used after X-Amz-Date + X-Amz-Expires."""

    code = "RequestExpired"
    query_code = "RequestExpired"
    query_status = 400

    def __init__(self) -> None:
        super().__init__("Request has expired.")


class InvalidSignatureException(SignatureError):
    """The credentials could be read; what they claim is not so."""

    code = "InvalidSignatureException"
    query_code = "SignatureDoesNotMatch"
    query_status = 403


class AmbiguousSignature(InvalidSignatureException):
    """Two sets of credentials: which of them was checked must never be a guess."""

    def __init__(self) -> None:
        super().__init__("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")


class SignatureExpired(InvalidSignatureException):
    """`date` as sent; `now` in seconds since 1970."""

    def __init__(self, date: str, now: float, window_minutes: int) -> None:
        earliest = stamp(now - window_minutes * 60)
        super().__init__(
            f"Signature expired: {date} is now earlier than {earliest} ({stamp(now)} - {window_minutes} min.)"
        )


class SignatureNotYetCurrent(InvalidSignatureException):
    """`date` as sent; `now` in seconds since 1970."""

    def __init__(self, date: str, now: float, window_minutes: int) -> None:
        latest = stamp(now + window_minutes * 60)
        super().__init__(
            f"Signature not yet current: {date} is still later than {latest} ({stamp(now)} + {window_minutes} min.)"
        )


class HeaderNotSigned(InvalidSignatureException):
    """A header that carries meaning for the server could have been added or changed on the way."""

    def __init__(self, name: str) -> None:
        """`name` in lower case. AWS's sentence is known for Host; its form is used for the others."""
        header = "'Host' or ':authority'" if name == "host" else f"'{shown(name.title())}'"
        super().__init__(f"{header} must be a 'SignedHeader' in the AWS Authorization.")


class CredentialScopeError(InvalidSignatureException):
    """One sentence per part of the scope that is wrong, in AWS's order and with AWS's trailing blanks."""

    def __init__(self, scope: Scope, date: str, service: str, wrong: Sequence[str]) -> None:
        sentences = {
            "region": f"Credential should be scoped to a valid region, not '{shown(scope.region)}'. ",
            "service": f"Credential should be scoped to correct service: '{service}'. ",
            "terminator": "Credential should be scoped with a valid terminator: 'aws4_request', "
            f"not '{shown(scope.terminator)}'." + (" " if "date" in wrong else ""),
            "date": "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{shown(scope.date)}' != '{date[:8]}', from '{date}'.",
        }
        super().__init__("".join(sentence for part, sentence in sentences.items() if part in wrong))


class PayloadHashError(InvalidSignatureException):
    """x-amz-content-sha256 asks for something this server does not do; the text says what."""


class SignatureMismatch(InvalidSignatureException):
    """The signature differs from the one computed here.

    `steps` holds the canonical request and the string to sign as computed here, for whoever explains the difference.
    They are not in the text: they contain the session token. The signature expected is nowhere, since it would be
    valid for whoever reads it.
    """

    def __init__(self, steps: Steps) -> None:
        super().__init__(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details."
        )
        self.steps = steps
