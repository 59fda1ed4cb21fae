"""Wildcards and variables."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access.grounds import Identity
from holdfast.access.patterns import Pattern, hide_colons, tokens_of, variables_in
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.request import AccessRequest

ALICE = Principal(PrincipalKind.USER, "1", "arn:aws:iam::1:user/staff/alice", "AIDA1")


def matches(
    pattern: str, text: str, tags: dict[str, str] | None = None, *, context: dict[str, str | list[str]] | None = None,
    variables: bool = True,
) -> bool:  # fmt: skip
    identity = Identity(ALICE, tags=tags or {})
    return Pattern(pattern, variables=variables).match(text, identity, AccessRequest("a:B", text, "1", context or {}))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("?", "", False),
        ("?", ":", True),
        ("a*", "a", True),
        ("a*b", "ab", True),
        ("a*b", "a/:\nb", True),
        ("a*b", "abc", False),
        ("*ab*", "xaabx", True),
        ("a*a", "a", False),
        ("a?c*?", "abcd", True),
        ("a?c*?", "abc", False),
        ("*?b?*", "abb", True),
        ("A", "a", False),
        ("a.c", "abc", False),
        ("a[b]c", "a[b]c", True),
    ],
)
def test_wildcards(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@settings(deadline=None)
@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_wildcards_are_what_a_regular_expression_says(pattern: str, text: str) -> None:
    written = "".join({"*": ".*", "?": "."}.get(character, character) for character in pattern)
    assert matches(pattern, text) is (re.fullmatch(written, text) is not None)


@settings(deadline=None)
@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_what_an_index_uses_is_true(pattern: str, text: str) -> None:
    compiled = Pattern(pattern, variables=True)
    if compiled.exact is not None:
        assert matches(pattern, text) is (text == compiled.exact)
    if matches(pattern, text):
        assert text.startswith(compiled.prefix)


@pytest.mark.parametrize(
    ("pattern", "text", "tags", "expected"),
    [
        ("home/${aws:username}", "home/alice", {}, True),
        ("home/${AWS:UserName}/*", "home/alice/x", {}, True),
        ("home/${ aws:username }", "home/alice", {}, True),
        ("${aws:PrincipalTag/team}", "blue", {"team": "blue"}, True),
        ("${aws:PrincipalTag/Team}", "blue", {"team": "blue"}, True),
        ("${aws:PrincipalTag/team}-*", "-x", {}, False),  # no value: matches nothing
        ("${aws:PrincipalTag/team}-*", "-x", {"team": ""}, False),  # an empty one is none
        ("${aws:PrincipalTag/team}-*", "a-x", {"team": "*"}, False),  # a value is literal
        ("${aws:PrincipalTag/team}-*", "*-x", {"team": "*"}, True),
        ("${aws:PrincipalTag/team, 'red'}", "red", {}, True),
        ("${aws:PrincipalTag/team, 'red'}", "red", {"team": "blue"}, False),
        ("${aws:PrincipalTag/team,'a, b:c'}", "a, b:c", {}, True),
        ("${*}${?}${$}", "*?$", {}, True),
        ("${*}", "x", {}, False),
        ("${", "${", {}, True),  # no variable: stands for itself
        ("${}", "${}", {}, True),
        ("$x", "$x", {}, True),
        ("${aws:username}?${aws:username}", "alice-alice", {}, True),
    ],
)
def test_variables(pattern: str, text: str, tags: dict[str, str], expected: bool) -> None:
    assert matches(pattern, text, tags) is expected


def test_variables_are_text_in_the_old_version() -> None:
    assert matches("${aws:username}", "${aws:username}", variables=False)
    assert not matches("${aws:username}", "alice", variables=False)


def test_a_multivalued_key_is_no_variable() -> None:
    assert not matches("${aws:TagKeys}", "team", context={"aws:TagKeys": ["team"]})
    assert matches("${aws:TagKeys, 'none'}", "none", context={"aws:TagKeys": ["team"]})


def test_reading_patterns() -> None:
    assert variables_in("a/${aws:username}/${*}/${k, 'd'}") == ["aws:username", "k"]
    assert hide_colons("arn:aws:${aws:username}:${x:}:${:,y:}") == "arn:aws:${aws_username}:${x_}:${:,y:}"
    assert tokens_of("a${*}b", wildcards=True) == ("a*b",)
