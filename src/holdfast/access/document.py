"""From a policy's text to plain data, and AWS's words for what is wrong with it.

Numbers keep the spelling of the text, since conditions compare them as strings. Nothing here knows the grammar.

Threat: a hostile document. Its length is bounded, names may not repeat in an object (two parsers that disagree on which
one counts are how a reviewed policy becomes another one), and nesting ends where Python's parser gives up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn, TypeAlias

MAXIMUM_LENGTH = 131_072
"""Characters, far above the largest policy that AWS takes (32 KB of a key policy); services check their own limits."""

SYNTAX = "Syntax errors in policy."
LEGACY = "The policy failed legacy parsing"
VERSION = "Policy document must be version 2012-10-17 or greater."

Json: TypeAlias = "str | Number | bool | Sequence[Json] | Mapping[str, Json] | None"
About = Literal["syntax", "principal", "version"]


class PolicyError(Exception):
    """A policy that AWS refuses.

    `message` is IAM's text for MalformedPolicyDocument. KMS and Secrets Manager have texts of their own for some of
    them: `about` says what is wrong.
    """

    def __init__(self, message: str, about: About = "syntax") -> None:
        super().__init__(message)
        self.message = message
        self.about: About = about


class Number(str):
    """A number of a policy, as it is written there."""

    __slots__ = ()


def _refuse(constant: str) -> NoReturn:
    raise PolicyError(SYNTAX)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # AWS's grammar forbids it ("Individual elements must not contain multiple instances of the same key"); which
        # text it answers with is unconfirmed.
        raise PolicyError(SYNTAX)
    return found


def parse(text: str) -> Json:
    """The document as plain data; raises PolicyError when it is not JSON or too long."""
    if len(text) > MAXIMUM_LENGTH:
        raise PolicyError(SYNTAX)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        # Without its cause: it would quote the document.
        raise PolicyError(SYNTAX) from None
