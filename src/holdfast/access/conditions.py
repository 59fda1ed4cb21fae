"""The Condition element: operators, set operators, IfExists and Null, compiled to functions of a request.

All operators and keys of an element must hold; the values of one key are alternatives, and for a negated operator none
of them may match. A missing key fails positive operators and passes negated ones. `ForAllValues:` holds when the key is
missing or has only empty values, `ForAnyValue:` fails then. An operator without a set operator never holds for a key
with several values (IAM user guide, "Condition operators", "Single-valued vs. multivalued context keys").

Variables stand only in values of string and ARN operators. One without a value equals nothing, so negated operators
hold ("Policy variables with no value").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from holdfast.access.comparisons import (
    address_in,
    arn_like,
    binary_equals,
    bool_equals,
    date_compared,
    number_compared,
    string_equals,
    string_equals_ignoring_case,
    string_like,
)
from holdfast.access.document import SYNTAX, PolicyError
from holdfast.access.keys import reader_of

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity
    from holdfast.access.patterns import Match
    from holdfast.access.request import AccessRequest

Condition: TypeAlias = "Callable[[Identity, AccessRequest], bool]"
CompileValues: TypeAlias = "Callable[[Sequence[str], bool], Match]"


class Operator(NamedTuple):
    """One operator: whether any value of the policy matches one of the request, and whether that is then negated."""

    compile: CompileValues
    negated: bool = False


OPERATORS: Mapping[str, Operator] = {
    "StringEquals": Operator(string_equals),
    "StringNotEquals": Operator(string_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(string_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(string_equals_ignoring_case, negated=True),
    "StringLike": Operator(string_like),
    "StringNotLike": Operator(string_like, negated=True),
    "NumericEquals": Operator(number_compared("=")),
    "NumericNotEquals": Operator(number_compared("="), negated=True),
    "NumericLessThan": Operator(number_compared("<")),
    "NumericLessThanEquals": Operator(number_compared("<=")),
    "NumericGreaterThan": Operator(number_compared(">")),
    "NumericGreaterThanEquals": Operator(number_compared(">=")),
    "DateEquals": Operator(date_compared("=")),
    "DateNotEquals": Operator(date_compared("="), negated=True),
    "DateLessThan": Operator(date_compared("<")),
    "DateLessThanEquals": Operator(date_compared("<=")),
    "DateGreaterThan": Operator(date_compared(">")),
    "DateGreaterThanEquals": Operator(date_compared(">=")),
    "Bool": Operator(bool_equals),
    "BinaryEquals": Operator(binary_equals),
    "IpAddress": Operator(address_in),
    "NotIpAddress": Operator(address_in, negated=True),
    "ArnEquals": Operator(arn_like),
    "ArnLike": Operator(arn_like),
    "ArnNotEquals": Operator(arn_like, negated=True),
    "ArnNotLike": Operator(arn_like, negated=True),
}
# AWS's documents spell operators in several ways ("stringEquals", "Forallvalues"), and its policies work.
_BY_FOLDED_NAME = {name.lower(): operator for name, operator in OPERATORS.items()}
_NAME = re.compile(r"(?:(forallvalues|foranyvalue):)?(.+?)(ifexists)?")


def compile_condition(operator: str, key: str, values: Sequence[str], *, variables: bool) -> Condition:
    """One operator with one key. `variables` is whether the policy's version knows them."""
    found = _NAME.fullmatch(operator.lower())
    if found is None:
        raise PolicyError(SYNTAX)
    over, name, if_exists = found[1], found[2], found[3] is not None
    if name == "null":
        if over or if_exists:
            raise PolicyError(SYNTAX)
        return _null(key, values)
    known = _BY_FOLDED_NAME.get(name)
    if known is None:
        raise PolicyError(SYNTAX)
    match = known.compile(values, variables)
    if over == "forallvalues":
        return _for_all_values(key, match, known.negated)
    if over == "foranyvalue":
        return _for_any_value(key, match, known.negated, if_exists)
    return _single(key, match, known.negated, if_exists)


def _single(key: str, match: Match, negated: bool, if_exists: bool) -> Condition:
    read = reader_of(key)
    absent = negated or if_exists

    def holds(identity: Identity, request: AccessRequest) -> bool:
        value = read(identity, request)
        if not isinstance(value, str):
            return absent if not value else False
        return match(value, identity, request) is not negated

    return holds


def _for_all_values(key: str, match: Match, negated: bool) -> Condition:
    read = reader_of(key)

    def holds(identity: Identity, request: AccessRequest) -> bool:
        values = _several(read(identity, request))
        return all(match(value, identity, request) is not negated for value in values)

    return holds


def _for_any_value(key: str, match: Match, negated: bool, if_exists: bool) -> Condition:
    read = reader_of(key)

    def holds(identity: Identity, request: AccessRequest) -> bool:
        found = read(identity, request)
        if not found and found != "":
            return if_exists
        return any(match(value, identity, request) is not negated for value in _several(found))

    return holds


def _several(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The values that set operators look at: none when the key is absent or all of its values are empty."""
    values = () if value is None else (value,) if isinstance(value, str) else value
    return values if any(values) else ()


def _null(key: str, values: Sequence[str]) -> Condition:
    wanted: set[bool] = set()
    for value in values:
        if value.lower() not in ("true", "false"):
            raise PolicyError(SYNTAX)
        wanted.add(value.lower() == "true")
    read = reader_of(key)

    def holds(identity: Identity, request: AccessRequest) -> bool:
        value = read(identity, request)
        return (value is None or value == ()) in wanted

    return holds
