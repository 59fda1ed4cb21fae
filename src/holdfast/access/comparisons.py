"""How values compare, by type: string, number, date, boolean, binary, address, ARN.

Each function compiles the values of a policy to one matcher: does a value of the request match any of them? Values that
are not of the operator's type are refused when the policy is saved, as IAM does ("The policy failed legacy parsing",
seen for ARN operators; unconfirmed for the other types); a value of the request that is not of the type matches
nothing.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from holdfast.access.document import LEGACY, PolicyError
from holdfast.access.patterns import Match, Pattern, Token, hide_colons, resolve, tokens_of

if TYPE_CHECKING:
    from holdfast.access.grounds import Identity
    from holdfast.access.request import AccessRequest

Relation = Literal["=", "<", "<=", ">", ">="]

_RELATIONS: dict[Relation, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _same(text: str) -> str:
    return text


def string_equals(values: Sequence[str], variables: bool) -> Match:
    """Exact, with regard to case. `*` and `?` stand for themselves."""
    return _equals(values, variables, _same)


def string_equals_ignoring_case(values: Sequence[str], variables: bool) -> Match:
    return _equals(values, variables, str.lower)


def _equals(values: Sequence[str], variables: bool, fold: Callable[[str], str]) -> Match:
    fixed: set[str] = set()
    templates: list[tuple[Token, ...]] = []
    for value in values:
        tokens = tokens_of(value, wildcards=False, variables=variables)
        if all(isinstance(token, str) for token in tokens):
            fixed.add(fold("".join(token for token in tokens if isinstance(token, str))))
        else:
            templates.append(tokens)

    def match(text: str, identity: Identity, request: AccessRequest) -> bool:
        folded = fold(text)
        if folded in fixed:
            return True
        for template in templates:
            parts = resolve(template, identity, request)
            if parts is not None and fold("".join(str(part) for part in parts)) == folded:
                return True
        return False

    return match


def string_like(values: Sequence[str], variables: bool) -> Match:
    """With `*` and `?`, with regard to case."""
    return any_of([Pattern(value, variables=variables) for value in values])


def any_of(patterns: Sequence[Pattern]) -> Match:
    """Whether any of the patterns matches; those without wildcards cost one look-up together."""
    exact = frozenset(pattern.exact for pattern in patterns if pattern.exact is not None)
    matches = [pattern.match for pattern in patterns if pattern.exact is None]
    if not exact and len(matches) == 1:
        return matches[0]

    def match(text: str, identity: Identity, request: AccessRequest) -> bool:
        if text in exact:
            return True
        return any(each(text, identity, request) for each in matches)

    return match


_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)


def number_of(text: str) -> Decimal | None:
    """The number, or None. Bounded, so that none takes long to compare."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:(Z)|([+-])(\d\d):?(\d\d))?)?)?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant_of(text: str) -> int | None:
    """Microseconds since 1970 of a date in W3C's profile of ISO 8601 or in seconds since 1970; None for anything else.

    Four digits are a year. Without a zone it is UTC.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        return int(Decimal(text) * 1_000_000) if _EPOCH.fullmatch(text) else None
    year, month, day, hour, minute, second, fraction, _, sign, offset_hours, offset_minutes = found.groups()
    try:
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    microseconds = (moment - _START) // _MICROSECOND + int((fraction or "0").ljust(9, "0")) // 1000
    if sign:
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60_000_000
        microseconds += offset if sign == "-" else -offset
    return microseconds


def _compared(read: Callable[[str], Any], relation: Relation) -> Callable[[Sequence[str], bool], Match]:
    compare = _RELATIONS[relation]

    def compile_values(values: Sequence[str], variables: bool) -> Match:
        wanted = [read(value) for value in values]
        if any(value is None for value in wanted):
            raise PolicyError(LEGACY)

        def match(text: str, identity: Identity, request: AccessRequest) -> bool:
            value = read(text)
            return value is not None and any(compare(value, each) for each in wanted)

        return match

    return compile_values


def number_compared(relation: Relation) -> Callable[[Sequence[str], bool], Match]:
    return _compared(number_of, relation)


def date_compared(relation: Relation) -> Callable[[Sequence[str], bool], Match]:
    return _compared(instant_of, relation)


def bool_equals(values: Sequence[str], variables: bool) -> Match:
    """`true` and `false`, without regard to case."""
    wanted = {value.lower() for value in values}
    if not wanted <= {"true", "false"}:
        raise PolicyError(LEGACY)
    return lambda text, identity, request: text.lower() in wanted


def bytes_of(text: str) -> bytes | None:
    """The bytes of a base64 text, or None."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def binary_equals(values: Sequence[str], variables: bool) -> Match:
    """Byte for byte; both sides are base64."""
    wanted = {bytes_of(value) for value in values}
    if None in wanted:
        raise PolicyError(LEGACY)

    def match(text: str, identity: Identity, request: AccessRequest) -> bool:
        value = bytes_of(text)
        return value is not None and value in wanted

    return match


def _network(text: str) -> tuple[int, int, int]:
    """IP version, network and mask of a CIDR block or an address."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PolicyError(LEGACY) from None
    return network.version, int(network.network_address), int(network.netmask)


def address_in(values: Sequence[str], variables: bool) -> Match:
    """In one of the blocks; an address of the other IP version is in none."""
    networks = [_network(value) for value in values]

    def match(text: str, identity: Identity, request: AccessRequest) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number = int(address)
        return any(version == address.version and number & mask == base for version, base, mask in networks)

    return match


ARN_PARTS = 6


def arn_like(values: Sequence[str], variables: bool) -> Match:
    """Each of the six parts of an ARN on its own; `*` and `?` do not reach beyond theirs."""
    wanted = [_arn_parts(value, variables) for value in values]

    def match(text: str, identity: Identity, request: AccessRequest) -> bool:
        parts = text.split(":", ARN_PARTS - 1)
        if len(parts) != ARN_PARTS:
            return False
        return any(
            all(pattern.match(part, identity, request) for pattern, part in zip(patterns, parts, strict=True))
            for patterns in wanted
        )

    return match


def _arn_parts(value: str, variables: bool) -> list[Pattern]:
    parts = split_arn(value, variables)
    if parts[0] != "arn" or len(parts) != ARN_PARTS:
        raise PolicyError(LEGACY)
    return [Pattern(part, variables=variables) for part in parts]


def split_arn(value: str, variables: bool) -> list[str]:
    """The parts of an ARN pattern, at most six, cut only at colons that stand outside of variables."""
    covered = hide_colons(value) if variables else value
    parts: list[str] = []
    position = 0
    for part in covered.split(":", ARN_PARTS - 1):
        parts.append(value[position : position + len(part)])
        position += len(part) + 1
    return parts
