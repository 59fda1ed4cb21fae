"""The models' constraints, checked with AWS's texts.

A structure's checks are compiled once into closures: a value that passes costs a few attribute reads and comparisons.
Only a value that fails pays for its path and its text::

    2 validation errors detected: Value '' at 'filters.1.member.key' failed to satisfy constraint: Member must ...; ...

Every violation is reported, as AWS does, in the model's order; a single value's pattern stands before its length.
A list of plain values is one violation of the list, `Member must satisfy constraint: [...]`, naming all constraints of
its entries; structures inside lists and maps have paths of their own. Lengths of strings are counted in Unicode code
points (Smithy 2.0, "length trait"), blobs in bytes.

Threats: a sensitive value is never echoed, whatever holds it; a hostile list cannot make the answer much larger than
the request (VIOLATIONS, ECHO_PARTS); a value far too long is not handed to a regular expression (PATTERN_LIMIT).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Literal, cast

from holdfast.api.base import SerializationException, Shape, ValidationException
from holdfast.wire.patterns import compile_pattern
from holdfast.wire.shapes import Description, Member, lower_first, members_of

Rule = Literal["required", "minimum", "maximum", "pattern", "enum"]
Exemptions = Mapping[str, Collection[Rule]]
"""Member -> rules that are not checked, for a service that answers their violation itself. A nested member is written
with dots, entries of lists and maps left out: `RotationRules.Duration`, `Tags.Key`; a list of plain values names its
entries `VersionStages.member`."""

VIOLATIONS = 100
"""Violations reported at most."""
ECHO_PARTS = 10_000
"""Parts of a value echoed at most; `...` stands for the rest."""
PATTERN_LIMIT = 4096
"""A value longer than this and than its own maximum is not matched against its pattern."""
LONG = (-(2**63), 2**63 - 1)
"""Bounds of an integer whose model has none: what an AWS long, and our columns, can hold."""
REDACTED = "***Sensitive Data Redacted***"

Test = Callable[[Any], bool]
Walk = Callable[[Any, str, list[str]], None]
Validator = Callable[[Shape], None]


def validate(value: Shape) -> None:
    """Raise ValidationException for whatever in `value` breaks its model's constraints."""
    _validator(type(value))(value)


def validator(structure: type[Shape], exempt: Exemptions | None = None) -> Validator:
    """A function that validates structures of this type; make one per operation and keep it.

    `exempt` leaves rules out; one that the model does not have raises ValueError here, so that an exemption cannot
    outlive a change of the model unnoticed.
    """
    if not exempt:
        return _validator(structure)
    walk = _compile_exempt(structure, exempt)
    return lambda value: _run(walk, value)


def _compile_exempt(structure: type[Shape], exempt: Exemptions) -> Walk:
    unused = {(name, rule) for name, rules in exempt.items() for rule in rules}

    def is_exempt(path: str, rule: Rule) -> bool:
        if rule not in exempt.get(path, ()):
            return False
        unused.discard((path, rule))
        return True

    walk = Compiler(is_exempt).structure(structure, "", sensitive=False)
    if unused:
        raise ValueError(f"{structure.__name__} has no such rules to exempt: {sorted(unused)}")
    return walk


@cache
def _validator(structure: type[Shape]) -> Validator:
    walk: Walk | None = None

    def check(value: Shape) -> None:
        nonlocal walk
        if walk is None:
            walk = Compiler(_nothing_exempt).structure(structure, "", sensitive=False)
        _run(walk, value)

    return check


def _nothing_exempt(path: str, rule: Rule) -> bool:
    return False


def _run(walk: Walk, value: Shape) -> None:
    violations: list[str] = []
    try:
        walk(value, "", violations)
    except RecursionError:
        raise SerializationException from None
    if violations:
        raise failure(violations)


def failure(violations: list[str]) -> ValidationException:
    """The error for these violations."""
    count = len(violations)
    return ValidationException(f"{count} validation error{'s'[: count > 1]} detected: {'; '.join(violations)}")


def violation(path: str, value: Any, sensitive: bool, text: str) -> str:
    """One violation. `value` None is a missing member."""
    echo = "" if sensitive else " null" if value is None else f" '{java_text(value)}'"
    return f"Value{echo} at '{path}' failed to satisfy constraint: {text}"


def nul_failure(path: str) -> ValidationException:
    """For a U+0000 in a text: PostgreSQL cannot store one, so no engine is given one."""
    return failure([violation(path, None, True, "Member must not contain the character U+0000")])


def java_text(value: Any) -> str:
    """A value as Java's toString shows it, which is how AWS echoes it; sensitive members stay hidden."""
    parts = list(islice(java_parts(value), ECHO_PARTS + 1))
    if len(parts) > ECHO_PARTS:
        parts[-1] = "..."
    return "".join(parts)


def java_parts(value: Any) -> Iterator[str]:
    """The text piece by piece, so that the echo of a hostile list can stop early."""
    if isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, bytes):
        yield f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    elif isinstance(value, list):
        for index, entry in enumerate(cast(list[Any], value)):
            yield ", " if index else "["
            yield from java_parts(entry)
        yield "]" if value else "[]"
    elif isinstance(value, dict):
        for index, (key, entry) in enumerate(cast(dict[Any, Any], value).items()):
            yield f"{', ' if index else '{'}{key}="
            yield from java_parts(entry)
        yield "}" if value else "{}"
    elif isinstance(value, Shape):
        yield f"{type(value).__name__}("
        for index, member in enumerate(members_of(type(value))):
            yield f"{', ' if index else ''}{lower_first(member.name)}="
            content = getattr(value, member.name)
            yield from java_parts(REDACTED if content is not None and holds_secret(member) else content)
        yield ")"
    else:
        yield "null" if value is None else str(value)


def holds_secret(member: Member) -> bool:
    return member.sensitive or holds_sensitive(member.description)


def holds_sensitive(description: Description) -> bool:
    """Whether the plain values in a list or map are sensitive. Structures inside hide their own members."""
    return description.constraint.sensitive or any(
        holds_sensitive(part) for part in (description.key, description.entry) if part is not None
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """One constraint of a value."""

    rule: Rule
    text: str
    test: Test


@dataclass(frozen=True, slots=True)
class Rules:
    """All constraints of a value, and the one quick test that they all hold."""

    holds: Test
    checked: tuple[Checked, ...]

    def broken(self, value: Any) -> list[str]:
        """Texts of what `value` breaks; a pattern before a length."""
        texts: list[str] = []
        for rule in self.checked:
            if rule.rule == "pattern" and len(value) > PATTERN_LIMIT and not self.fits(value):
                continue
            if not rule.test(value):
                texts.append(rule.text)
        return texts

    def fits(self, value: Any) -> bool:
        return all(rule.test(value) for rule in self.checked if rule.rule == "maximum")

    def summary(self) -> str:
        """All constraints, as the text of a list or map names those of its entries: lengths before the pattern."""
        order = ("maximum", "minimum", "enum", "pattern")
        return f"[{', '.join(rule.text for rule in sorted(self.checked, key=lambda rule: order.index(rule.rule)))}]"


class Compiler:
    """Turns descriptions into closures. `is_exempt(path, rule)` leaves a rule out; paths carry AWS's member names."""

    def __init__(self, is_exempt: Callable[[str, Rule], bool]) -> None:
        self.is_exempt = is_exempt
        self.structures: dict[tuple[type[Shape], bool], Walk] = {}
        """Structures being compiled: one that contains itself finds itself here."""

    def structure(self, structure: type[Shape], path: str, *, sensitive: bool) -> Walk:
        """A walk over the members of a structure. The plan holds only members that something is demanded of."""
        if recursive := self.structures.get((structure, sensitive)):
            return recursive
        plan: list[tuple[str, str, bool, bool, Test | None, Rules | None, Walk | None]] = []

        def walk(value: Any, prefix: str, violations: list[str]) -> None:
            for name, path, required, hidden, holds, rules, inside in plan:
                member = getattr(value, name)
                if member is None:
                    if required:
                        violations.append(violation(prefix + path, None, hidden, "Member must not be null"))
                    continue
                if holds is not None and not holds(member) and rules is not None:
                    texts = rules.broken(member)
                    violations.extend(violation(prefix + path, member, hidden, text) for text in texts)
                if inside is not None:
                    inside(member, prefix + path, violations)

        self.structures[structure, sensitive] = walk
        for member in members_of(structure):
            name = f"{path}.{member.name}" if path else member.name
            hidden = sensitive or holds_secret(member)
            required = member.required and not self.is_exempt(name, "required")
            rules = self.rules(member.description, name)
            inside = self.inside(member.description, name, sensitive=sensitive or member.sensitive)
            if required or rules or inside:
                holds = rules.holds if rules is not None else None
                plan.append((member.name, lower_first(member.name), required, hidden, holds, rules, inside))
        del self.structures[structure, sensitive]
        return walk

    def inside(self, description: Description, path: str, *, sensitive: bool) -> Walk | None:
        """A walk over what a list, a map or a structure contains; None where nothing is demanded of it."""
        if description.structure is not None:
            structure = self.structure(description.structure, path, sensitive=sensitive)
            return lambda value, prefix, violations: structure(value, f"{prefix}.", violations)
        if description.entry is None:
            return None
        hidden = sensitive or holds_sensitive(description)
        entry_path = path if description.entry.structure else f"{path}.member"
        entries = self.rules(description.entry, entry_path)
        within = self.inside(description.entry, entry_path, sensitive=hidden)
        if description.key is None:
            return _list_walk(entries, within, hidden=hidden) if entries or within else None
        keys = self.rules(description.key, f"{path}.key")
        return _map_walk(keys, entries, within, hidden=hidden) if keys or entries or within else None

    def rules(self, description: Description, path: str) -> Rules | None:
        """The constraints of one value, without what it contains."""
        constraint = description.constraint
        checked: list[Checked] = []
        if constraint.pattern is not None and not self.is_exempt(path, "pattern"):
            text = f"Member must satisfy regular expression pattern: {constraint.pattern}"
            checked.append(Checked("pattern", text, _matches(constraint.pattern)))
        if constraint.enum and not self.is_exempt(path, "enum"):
            text = f"Member must satisfy enum value set: [{', '.join(constraint.enum)}]"
            checked.append(Checked("enum", text, frozenset(constraint.enum).__contains__))
        low, high = constraint.minimum, constraint.maximum
        number = description.kind in ("integer", "double")
        if description.kind == "integer":
            low, high = LONG[0] if low is None else low, LONG[1] if high is None else high
        what = "value" if number else "length"
        if high is not None and not self.is_exempt(path, "maximum"):
            text = f"Member must have {what} less than or equal to {high}"
            checked.append(Checked("maximum", text, _at_most(high, number=number)))
        if low is not None and not self.is_exempt(path, "minimum"):
            text = f"Member must have {what} greater than or equal to {low}"
            checked.append(Checked("minimum", text, _at_least(low, number=number)))
        return (
            Rules(_all_hold(checked, constraint.minimum, constraint.maximum, number), tuple(checked))
            if checked
            else None
        )


def _matches(pattern: str) -> Test:
    """Compiled on first use: writing out a Unicode category takes tens of milliseconds."""
    fullmatch: Callable[[str], Any] | None = None

    def test(value: str) -> bool:
        nonlocal fullmatch
        if fullmatch is None:
            fullmatch = compile_pattern(pattern).fullmatch
        return fullmatch(value) is not None

    return test


def _at_most(high: int, *, number: bool) -> Test:
    return (lambda value: value <= high) if number else (lambda value: len(value) <= high)


def _at_least(low: int, *, number: bool) -> Test:
    return (lambda value: value >= low) if number else (lambda value: len(value) >= low)


def _all_hold(checked: list[Checked], minimum: int | None, maximum: int | None, number: bool) -> Test:
    """One closure for the usual combination, two bounds with or without a pattern, instead of one per rule."""
    tests = {rule.rule: rule.test for rule in checked}
    if len(checked) == 1:
        return checked[0].test
    low = minimum if minimum is not None and "minimum" in tests else (LONG[0] if number else 0)
    high = maximum if maximum is not None and "maximum" in tests else (LONG[1] if number else sys.maxsize)
    if tests.keys() == {"minimum", "maximum"}:
        return (lambda value: low <= value <= high) if number else (lambda value: low <= len(value) <= high)
    if tests.keys() <= {"minimum", "maximum", "pattern"}:
        matches = tests["pattern"]
        # The length first: a value that is too long is not matched at all on this way.
        return lambda value: low <= len(value) <= high and matches(value)
    return lambda value: all(rule.test(value) for rule in checked)


def _list_walk(entries: Rules | None, within: Walk | None, *, hidden: bool) -> Walk:
    def walk(value: list[Any], path: str, violations: list[str]) -> None:
        if entries is not None and not all(map(entries.holds, value)):
            text = f"Member must satisfy constraint: {entries.summary()}"
            violations.append(violation(path, value, hidden, text))
        if within is not None:
            for index, entry in enumerate(value, 1):
                within(entry, f"{path}.{index}.member", violations)
                if len(violations) >= VIOLATIONS:
                    del violations[VIOLATIONS:]
                    return

    return walk


def _map_walk(keys: Rules | None, entries: Rules | None, within: Walk | None, *, hidden: bool) -> Walk:
    def walk(value: dict[str, Any], path: str, violations: list[str]) -> None:
        if keys is not None and not all(map(keys.holds, value)):
            violations.append(violation(path, value, hidden, f"Map keys must satisfy constraint: {keys.summary()}"))
        if entries is not None and not all(map(entries.holds, value.values())):
            violations.append(violation(path, value, hidden, f"Map value must satisfy constraint: {entries.summary()}"))
        if within is not None:
            for key, entry in value.items():
                within(entry, f"{path}.{key}.member", violations)
                if len(violations) >= VIOLATIONS:
                    del violations[VIOLATIONS:]
                    return

    return walk
