"""Protocols and what an endpoint of each must look like; pure.

Threat: an endpoint may hold a password (`https://user:password@host/`). It is shown without, everywhere.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from holdfast.api.base import NotImplementedException
from holdfast.services.arn import parse_arn
from holdfast.services.sns.identifiers import FIFO, invalid

HTTP, HTTPS, EMAIL, EMAIL_JSON, SQS, LAMBDA = "http", "https", "email", "email-json", "sqs", "lambda"
PROTOCOLS = (HTTP, HTTPS, EMAIL, EMAIL_JSON, SQS, LAMBDA)
WEB = (HTTP, HTTPS)
MAIL = (EMAIL, EMAIL_JSON)
IN_ACCOUNTS = (SQS, LAMBDA)
"""Protocols whose endpoints belong to an account, whose own callers need not confirm."""
RAW = (HTTP, HTTPS, SQS)
"""Protocols that can deliver a message as it is ("Amazon SNS raw message delivery")."""
ABSENT = ("sms", "application", "firehose")
LONGEST = 2048
_MAIL = re.compile(r"[^@\s\x00-\x1f\x7f<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_FUNCTION = re.compile(r"function:([A-Za-z0-9_-]{1,64})(?::(\$LATEST|[A-Za-z0-9_-]+))?")
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Endpoint(NamedTuple):
    """An endpoint that a subscription can have."""

    shown: str
    secret: str
    """The whole of it where `shown` lacks something; else empty."""
    account: str
    """Who owns it; empty where that cannot be told."""


def check_protocol(protocol: str) -> None:
    """InvalidParameterException for a word that is none; NotImplementedException for those that Holdfast lacks."""
    if protocol in ABSENT:
        raise NotImplementedException(f"Holdfast does not implement the protocol {protocol} of sns:Subscribe yet.")
    if protocol not in PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")


def endpoint_of(protocol: str, text: str, account: str) -> Endpoint:
    """An endpoint as a caller of `account` gave it; InvalidParameterException."""
    if not text or len(text) > LONGEST or not text.isprintable():
        raise invalid("Endpoint Reason: Endpoint must be given" if not text else "Endpoint")
    if protocol in WEB:
        return _web(protocol, text)
    if protocol in MAIL:
        if _MAIL.fullmatch(text) is None:
            raise invalid("Email address")
        return Endpoint(text, "", "")
    return _queue(text, account) if protocol == SQS else _function(text)


def _web(protocol: str, text: str) -> Endpoint:
    if not text.startswith(f"{protocol}://"):
        raise invalid("Endpoint must match the specified protocol")
    parts = _split(text)
    if parts is None or not text.isascii() or " " in text or parts.fragment:
        raise invalid("Endpoint")
    if "@" not in parts.netloc:
        return Endpoint(text, "", "")
    user, host = parts.netloc.rsplit("@", 1)
    name, colon, _ = user.partition(":")
    hidden = f"{name}:****@{host}" if colon else f"****@{host}"
    return Endpoint(urlunsplit(parts._replace(netloc=hidden)), text, "")


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def _queue(text: str, account: str) -> Endpoint:
    arn = parse_arn(text)
    if arn is None:
        parts = _split(text) if text.startswith(("http://", "https://")) else None
        if parts is None or "@" in parts.netloc or parts.path in ("", "/") or not text.isascii():
            raise invalid("SQS endpoint ARN")
        return Endpoint(text, "", account)
    if arn.service != "sqs" or not arn.region or not arn.account:
        raise invalid("SQS endpoint ARN")
    if arn.resource.endswith(FIFO):
        raise invalid(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )
    if _QUEUE.fullmatch(arn.resource) is None:
        raise invalid("SQS endpoint ARN")
    return Endpoint(text, "", arn.account)


def _function(text: str) -> Endpoint:
    arn = parse_arn(text)
    if arn is None or arn.service != "lambda" or not arn.region or not arn.account:
        raise invalid("Lambda endpoint ARN")
    if _FUNCTION.fullmatch(arn.resource) is None:
        raise invalid("Lambda endpoint ARN")
    return Endpoint(text, "", arn.account)


def credentials_of(url: str) -> tuple[str, str | None]:
    """A web endpoint without what stands before its host, and that (`user:password`), decoded."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return (urlunsplit(parts._replace(netloc=host)), unquote(user)) if at else (url, None)
