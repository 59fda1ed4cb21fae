"""Filters of ListSecrets and BatchGetSecretValue; pure.

Filters are joined by AND, the values of one filter by OR; a value that begins with `!` must not match. What a key
compares (ListSecrets, Filter and "Find secrets in Secrets Manager"):

    name, tag-key, tag-value, primary-region, owning-service    begins with the value, case-sensitive
    description    each word of the value begins a word of the description, in any case
    all            the same over name, description and tags, where words also end at a change of case and between
                   letters and digits, and punctuation is ignored
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from holdfast.api import secretsmanager as api
from holdfast.store.statements import prefix_range

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")
INCOMPLETE = "You must specify a key and at least one value for each filter."


class Attributes(NamedTuple):
    """What filters see of a secret. None is replicated or managed by a service, so there are no such attributes."""

    name: str
    description: str
    tags: Mapping[str, str]


Match = Callable[[Attributes], bool]


class Filter(NamedTuple):
    """One filter, ready to be asked."""

    key: str
    wanted: tuple[str, ...]
    """Values without `!`."""
    matches: Match


def words(text: str) -> list[str]:
    """The words of a text in lower case: they end at punctuation, changes of case, and between letters and digits."""
    return [word.lower() for word in _WORD.findall(text)]


def _plain_words(text: str) -> list[str]:
    return text.lower().split()


def _each_begins_one(wanted: Sequence[str], among: Sequence[str]) -> bool:
    return all(any(word.startswith(start) for word in among) for start in wanted)


def _prefix(read: Callable[[Attributes], Iterable[str]]) -> Callable[[str], Match]:
    return lambda value: lambda secret: any(text.startswith(value) for text in read(secret))


def _description(value: str) -> Match:
    wanted = _plain_words(value)
    return lambda secret: bool(secret.description) and _each_begins_one(wanted, _plain_words(secret.description))


def _all(value: str) -> Match:
    wanted = words(value)

    def matches(secret: Attributes) -> bool:
        texts = (secret.name, secret.description, *secret.tags, *secret.tags.values())
        return _each_begins_one(wanted, [word for text in texts for word in words(text)])

    return matches


_MATCHERS: dict[str, Callable[[str], Match]] = {
    "name": _prefix(lambda secret: (secret.name,)),
    "tag-key": _prefix(lambda secret: secret.tags),
    "tag-value": _prefix(lambda secret: secret.tags.values()),
    "primary-region": _prefix(lambda _: ()),
    "owning-service": _prefix(lambda _: ()),
    "description": _description,
    "all": _all,
}


def compile_filter(key: str, values: Sequence[str]) -> Filter:
    """One filter from its key, which the model has checked, and its values."""
    matcher = _MATCHERS[key]
    wanted = tuple(value for value in values if not value.startswith("!"))
    positive = [matcher(value) for value in wanted]
    negative = [matcher(value[1:]) for value in values if value.startswith("!")]

    def matches(secret: Attributes) -> bool:
        if any(match(secret) for match in negative):
            return False
        return not positive or any(match(secret) for match in positive)

    return Filter(key, wanted, matches)


def compile_filters(filters: Sequence[api.Filter]) -> list[Filter]:
    """All filters of a request; InvalidParameterException for one without key or values."""
    compiled: list[Filter] = []
    for each in filters:
        if each.Key is None or not each.Values:
            raise api.InvalidParameterException(INCOMPLETE)
        compiled.append(compile_filter(each.Key, each.Values))
    return compiled


def name_range(filters: Sequence[Filter]) -> tuple[str, str] | None:
    """A range `>= low AND < high` that holds every matching name, so that an index can be read; None for all names."""
    found: tuple[str, str] | None = None
    for each in filters:
        if each.key == "name" and each.wanted:
            low = min(prefix_range(prefix)[0] for prefix in each.wanted)
            high = max(prefix_range(prefix)[1] for prefix in each.wanted)
            found = (low, high) if found is None else (max(found[0], low), min(found[1], high))
    return found
