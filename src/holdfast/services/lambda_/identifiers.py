"""The ways to name a function: its name, a partial ARN, a whole ARN, each with or without a qualifier.

    name   123456789012:function:name   arn:aws:lambda:us-east-1:123456789012:function:name   each with `:qualifier`

A qualifier is a version's number, `$LATEST` or an alias.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from holdfast.api import lambda_ as api
from holdfast.api.base import ValidationException

LATEST = "$LATEST"
LONGEST_NAME = 64
_REFERENCE = re.compile(
    r"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?"
    r"(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-[0-9]):)?"
    r"(?:(?P<account>[0-9]{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)
DIFFERENT_QUALIFIERS = "The derived qualifier from the function name does not match the specified qualifier."


class Reference(NamedTuple):
    """Where a function is, and which version or alias of it is meant."""

    account: str
    region: str
    name: str
    qualifier: str = ""
    """Empty: the function itself, which is its version `$LATEST`."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.region, self.name

    def arn(self, partition: str) -> str:
        """With the qualifier, if there is one."""
        plain = f"arn:{partition}:lambda:{self.region}:{self.account}:function:{self.name}"
        return f"{plain}:{self.qualifier}" if self.qualifier else plain


def reference(account: str, region: str, text: str, qualifier: str | None = None) -> Reference:
    """What a FunctionName of a call means. Raises ValidationException, InvalidParameterValueException."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise invalid_name(text, "Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+")
    if len(found["name"]) > LONGEST_NAME:
        raise invalid_name(text, f"Member must have length less than or equal to {LONGEST_NAME}")
    if found["region"] and found["region"] != region:
        raise api.ResourceNotFoundException(
            f"Functions from '{found['region']}' are not reachable in this region ('{region}')"
        )
    named = found["qualifier"] or ""
    if qualifier and named and qualifier != named:
        raise api.InvalidParameterValueException(DIFFERENT_QUALIFIERS)
    return Reference(found["account"] or account, region, found["name"], qualifier or named)


def invalid_name(text: str, constraint: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: {constraint}"
    )


def parse_function_arn(arn: str) -> Reference | None:
    """The parts of a whole ARN of a function; None when it is not one."""
    found = _REFERENCE.fullmatch(arn)
    if found is None or not (found["partition"] and found["region"] and found["account"]):
        return None
    return Reference(found["account"], found["region"], found["name"], found["qualifier"] or "")


def version_text(version: int) -> str:
    """A version's number as AWS shows it."""
    return str(version) if version else LATEST


def version_number(qualifier: str) -> int | None:
    """The version that a qualifier names; None for an alias."""
    if qualifier in ("", LATEST):
        return 0
    return int(qualifier) if qualifier.isdecimal() and qualifier.isascii() and len(qualifier) < 16 else None
