"""Filters of DescribeParameters and GetParametersByPath: checked, matched, and turned into the range to read.

Different filters must all match; of one filter's values any may. A name in a filter may be written with or without its
leading slash: it is compared with the path.

`ranges_of` picks the most selective filter that an index can serve. The rows it yields are matched against every filter
all the same, so an index only ever saves work: it cannot change what is found (a property test holds it to that).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException
from holdfast.services.ssm.rules import NAME_REQUIREMENTS_TEXT, parent_of, parse_path
from holdfast.store.statements import prefix_range

TAG = "tag:"
EQUALS, BEGINS_WITH, CONTAINS, ONE_LEVEL, RECURSIVE = "Equals", "BeginsWith", "Contains", "OneLevel", "Recursive"

DESCRIBE_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "Path": (ONE_LEVEL, RECURSIVE),
    "Name": (EQUALS, BEGINS_WITH, CONTAINS),
    "Type": (EQUALS, BEGINS_WITH),
    "KeyId": (EQUALS, BEGINS_WITH),
    "Tier": (EQUALS,),
    "DataType": (EQUALS, BEGINS_WITH),
    TAG: (EQUALS, BEGINS_WITH),
}
"""Key -> its options, the default first."""
BY_PATH_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "Type": (EQUALS, BEGINS_WITH),
    "KeyId": (EQUALS, BEGINS_WITH),
    "Label": (EQUALS,),
}
VALID_VALUES: Mapping[str, tuple[str, ...]] = {
    "Type": ("String", "StringList", "SecureString"),
    "Tier": ("Standard", "Advanced", "Intelligent-Tiering"),
}


class Filter(NamedTuple):
    """One checked filter. Names and paths among the values have their leading slash, paths no trailing one."""

    key: str
    option: str
    values: tuple[str, ...]
    """Empty for a tag that only has to exist."""


class Candidate(Protocol):
    """What a filter looks at."""

    @property
    def path(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def key_id(self) -> str: ...
    @property
    def tier(self) -> str: ...
    @property
    def data_type(self) -> str: ...
    def tag_map(self) -> Mapping[str, str]: ...


# -- checking --------------------------------------------------------------------------------------------------------


def describe_filters(value: api.DescribeParametersRequest) -> list[Filter]:
    """The filters of DescribeParameters, in whichever of the two forms they were sent."""
    if value.Filters and value.ParameterFilters:
        raise ValidationException("You can use either Filters or ParameterFilters in a single request.")
    if value.Filters:
        # The older form has no options: a name is a beginning, a type or key the whole.
        options = {"Name": BEGINS_WITH, "Type": EQUALS, "KeyId": EQUALS}
        return checked(
            [api.ParameterStringFilter(Key=f.Key, Option=options[f.Key or ""], Values=f.Values) for f in value.Filters],
            DESCRIBE_OPTIONS,
        )
    return checked(value.ParameterFilters or [], DESCRIBE_OPTIONS)


def checked(filters: Iterable[api.ParameterStringFilter], options: Mapping[str, tuple[str, ...]]) -> list[Filter]:
    """Filters that this operation takes, complete; the InvalidFilter errors, or ValidationException for a bad path."""
    found = [_checked(f, options) for f in filters]
    # A request may have as many as it has room for, so each is looked at once.
    repeated = sorted(key for key, number in Counter(f.key for f in found).items() if number > 1)
    if repeated:
        raise api.InvalidFilterKey(
            f"The following filters are duplicated in the request: [{', '.join(repeated)}]. "
            "A request can contain only one instance of a specific filter."
        )
    return found


def _checked(given: api.ParameterStringFilter, options: Mapping[str, tuple[str, ...]]) -> Filter:
    key, values = given.Key or "", given.Values or []
    kind = TAG if key.startswith(TAG) else key
    if kind not in options:
        valid = ", ".join(key for key in options if key != TAG)
        raise api.InvalidFilterKey(
            f"The following filter key is not valid: {key}. Valid filter keys include: [{valid}]."
        )
    option = given.Option or options[kind][0]
    if option not in options[kind]:
        raise api.InvalidFilterOption(
            f"The following filter option is not valid: {option}. "
            f"Valid options include: [{', '.join(sorted(options[kind]))}]."
        )
    if not values and kind != TAG:
        raise api.InvalidFilterValue(f"The following filter values are missing : null for filter key {key}.")
    if option == EQUALS and kind in VALID_VALUES:
        for value in values:
            if value not in VALID_VALUES[kind]:
                raise api.InvalidFilterValue(
                    f"The following filter value is not valid: {value}. "
                    f"Valid values include: [{', '.join(VALID_VALUES[kind])}]."
                )
    return Filter(key, option, tuple(dict.fromkeys(_value(kind, option, value) for value in values)))


def _value(kind: str, option: str, value: str) -> str:
    if kind == "Path":
        path = parse_path(value)
        if path is None:
            raise ValidationException(NAME_REQUIREMENTS_TEXT)
        return path
    if kind == "Name" and option != CONTAINS:
        return "/" + value.strip(" ").removeprefix("/")
    return value


# -- matching --------------------------------------------------------------------------------------------------------


def matches(filters: Iterable[Filter], candidate: Candidate) -> bool:
    """Whether a parameter passes all filters of DescribeParameters."""
    return all(_match(f, candidate) for f in filters)


def matches_by_path(filters: Iterable[Filter], kind: str, key_id: str) -> bool:
    """Whether a version passes the filters of GetParametersByPath but Label, for which other rows are read."""
    return all(_compare(f, kind if f.key == "Type" else key_id) for f in filters if f.key != "Label")


def _match(f: Filter, candidate: Candidate) -> bool:
    if f.key.startswith(TAG):
        tag = candidate.tag_map().get(f.key.removeprefix(TAG))
        return tag is not None and (not f.values or _compare(f, tag))
    if f.key == "Path":
        return any(is_below(candidate.path, path, recursive=f.option == RECURSIVE) for path in f.values)
    return _compare(f, _field(f.key, candidate))


def _field(key: str, candidate: Candidate) -> str:
    match key:
        case "Name":
            return candidate.path
        case "Type":
            return candidate.type
        case "KeyId":
            return candidate.key_id
        case "Tier":
            return candidate.tier
        case _:
            return candidate.data_type


def _compare(f: Filter, text: str) -> bool:
    if f.option == EQUALS:
        return text in f.values
    if f.option == CONTAINS:
        return any(value in text for value in f.values)
    return text.startswith(f.values)


def is_below(path: str, node: str, *, recursive: bool) -> bool:
    """Whether a parameter is below a node of the hierarchy: one level, or any number. The node itself is not."""
    return path.startswith(below(node)) if recursive else parent_of(path) == node


def below(node: str) -> str:
    """What every path below a node begins with."""
    return node if node == "/" else f"{node}/"


# -- what to read ----------------------------------------------------------------------------------------------------


class Source(StrEnum):
    """Which index serves a range."""

    NAMES = "names"
    CHILDREN = "children"
    TAGGED = "tagged"


class Range(NamedTuple):
    """Paths from `low` up to, not including, `high`, of those that `key` names: a parent, or a tag and its value."""

    source: Source
    key: tuple[str, ...]
    low: str
    high: str


ALL = prefix_range("/")


def after(path: str) -> str:
    """The lowest text that any path higher than `path` reaches: no name holds a character below `-`."""
    return path + "\x01"


def ranges_of(filters: Sequence[Filter]) -> list[Range]:
    """What to read, in order: disjoint, and containing every parameter that passes the filters."""
    by_kind = {(f.key, f.option): f for f in filters}
    if f := by_kind.get(("Name", EQUALS)):
        return [Range(Source.NAMES, (), path, after(path)) for path in sorted(f.values)]
    if f := by_kind.get(("Path", ONE_LEVEL)):
        return [Range(Source.CHILDREN, (node,), *ALL) for node in sorted(f.values)]
    if f := next((f for f in filters if f.key.startswith(TAG) and f.option == EQUALS and f.values), None):
        return [Range(Source.TAGGED, (f.key.removeprefix(TAG), value), *ALL) for value in sorted(f.values)]
    if f := by_kind.get(("Name", BEGINS_WITH)):
        return _prefixes(f.values)
    if f := by_kind.get(("Path", RECURSIVE)):
        return _prefixes(below(node) for node in f.values)
    return [Range(Source.NAMES, (), *ALL)]


def below_range(node: str, *, recursive: bool) -> Range:
    """All parameters below a node of the hierarchy."""
    return Range(Source.NAMES, (), *prefix_range(below(node))) if recursive else Range(Source.CHILDREN, (node,), *ALL)


def _prefixes(prefixes: Iterable[str]) -> list[Range]:
    """Ranges of all paths with one of these beginnings; a beginning inside another adds nothing."""
    kept: list[str] = []
    for prefix in sorted(prefixes):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return [Range(Source.NAMES, (), *prefix_range(prefix)) for prefix in kept]
