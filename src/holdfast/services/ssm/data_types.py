"""Data types: what a value must be before it is stored; pure.

A list is checked item by item, and one bad item refuses the whole list ("Parameter data types in Parameter Store", user
guide). `text` checks nothing. An image is checked after the answer, its format too ("an asynchronous validation operation
to ensure that the parameter value meets the formatting requirements for an AMI ID, and that the specified AMI is
available", user guide): `write_operations` does, among those that the operator published.

AWS's page names the types; where it does not say what is valid, the usual specification decides: RFC 1123 for host names,
RFC 8259 for JSON, RFC 3986 for addresses.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

import msgspec

from holdfast.api.base import ValidationException

TEXT = "text"
IMAGE = "aws:ec2:image"
INTEGRATION = "aws:ssm:integration"
INTEGRATION_PREFIX = "/d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/"
FIXED = frozenset((IMAGE, INTEGRATION))
"""A parameter does not change to or from these."""
IMAGES = "/aws/service/holdfast/images"
"""The public StringList that names the images there are; the operator publishes it."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(rf"(?=.{{1,254}}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#]+[^\s]*")
_COMMENT_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _address(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    return check


def _json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _json_with_comments(text: str) -> bool:
    return _json(_COMMENT_OR_STRING.sub(lambda found: found[0] if found[0].startswith('"') else " ", text))


CHECKS: Mapping[str, Callable[[str], bool]] = {
    TEXT: lambda _: True,
    IMAGE: _matches("ami-(?:[0-9a-f]{8}|[0-9a-f]{17})"),
    INTEGRATION: lambda _: True,
    "aws:region": _matches("[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}"),
    "aws:account:id": _matches("[0-9]{12}"),
    "boolean": _matches("(?i:true|false)"),
    "integer": _matches("[+-]?[0-9]+"),
    "float": _matches(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"),
    "binary": _matches("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
    "hostname": lambda text: _HOSTNAME.fullmatch(text) is not None,
    "email": lambda text: _EMAIL.fullmatch(text) is not None,
    "ipv4-address": _address(ipaddress.IPv4Address),
    "ipv6-address": _address(ipaddress.IPv6Address),
    "url": lambda text: _URL.fullmatch(text) is not None,
    "json": _json,
    "jsonc": _json_with_comments,
}


def check_data_type(data_type: str, previous: str | None, kind: str, path: str, value: str) -> None:
    """Raise ValidationException unless a value of a type may be stored under a data type (texts ours).

    `previous` is the parameter's data type before, None for a new parameter.
    """
    check = CHECKS.get(data_type)
    if check is None:
        raise ValidationException(f"The following data type is not supported: {data_type}")
    if previous is not None and previous != data_type and FIXED & {previous, data_type}:
        raise ValidationException(f"The data type of a parameter can't be changed from {previous} to {data_type}.")
    if data_type == IMAGE and kind != "String":
        raise ValidationException(f"The data type {IMAGE} can be used with String parameters only.")
    if data_type == INTEGRATION and (kind != "SecureString" or not path.startswith(INTEGRATION_PREFIX)):
        raise ValidationException(
            f"The data type {INTEGRATION} can be used with SecureString parameters below {INTEGRATION_PREFIX} only."
        )
    if data_type == IMAGE:
        return
    items = value.split(",") if kind == "StringList" and data_type != TEXT else [value]
    if not all(check(item) for item in items):
        raise ValidationException(f"The parameter value doesn't conform to the data type {data_type}.")
