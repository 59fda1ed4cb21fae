"""Names, paths, ARNs, sizes and tags: rules that hold for every input."""

from __future__ import annotations

import contextlib
import re
import string
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.base import ServiceError
from holdfast.api.iam import Tag
from holdfast.services.iam import rules
from holdfast.vault.randomness import UnsafeSeededRandomness

NAME_CHARACTERS = string.ascii_letters + string.digits + "_+=,.@-"
names = st.text(NAME_CHARACTERS, min_size=1, max_size=64)
paths = st.lists(st.text(string.ascii_letters + "!~:*", min_size=1, max_size=8), max_size=4).map(
    lambda parts: "/" + "".join(f"{part}/" for part in parts)
)
kinds = st.sampled_from(["user", "group", "role"])


@given(st.text(max_size=8))
def test_a_name_is_made_of_these_characters(text: str) -> None:
    valid = bool(text) and set(text) <= set(NAME_CHARACTERS)
    try:
        assert rules.check_name("userName", text) == text
        assert valid
    except ServiceError:
        assert not valid


@given(st.text("/ab !~\x7fä", max_size=8))
def test_a_path_begins_and_ends_with_a_slash(text: str) -> None:
    valid = text == "/" or (
        len(text) > 2 and text[0] == text[-1] == "/" and all("!" <= character <= "~" for character in text)
    )
    try:
        assert rules.check_path(text) == text
        assert valid
    except ServiceError:
        assert not valid


@given(kinds, paths, names)
def test_arns_come_apart_as_they_were_put_together(kind: str, path: str, name: str) -> None:
    arn = rules.arn_of("aws", "123456789012", kind, path, name)
    assert rules.entity_arn_parts(arn) == ("123456789012", kind, name)
    policy = rules.arn_of("aws", "123456789012", "policy", path, name)
    assert rules.policy_arn_parts(policy) == ("123456789012", path, name)
    assert rules.entity_arn_parts(policy) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for arn in (text, f"arn:aws:iam::123456789012:{text}", f"arn:aws:iam::aws:policy/{text}"):
        for parse in (rules.policy_arn_parts, rules.provider_name):
            with contextlib.suppress(ServiceError):
                parse(arn)
        rules.entity_arn_parts(arn)
    with contextlib.suppress(ServiceError):
        rules.provider_of_url(text)


@pytest.mark.parametrize("kind", ["user", "group", "role", "policy"])
def test_ids(kind: str) -> None:
    randomness = UnsafeSeededRandomness(kind)
    found = {rules.new_id(randomness, kind) for _ in range(100)}
    assert len(found) == 100
    assert all(re.fullmatch(rf"{rules.ID_PREFIXES[kind]}[A-Z2-7]{{17}}", each) for each in found)


@given(st.text(max_size=60))
def test_documents_are_encoded_as_rfc_3986_says(text: str) -> None:
    encoded = rules.encoded(text)
    assert unquote(encoded) == text
    assert re.fullmatch(r"(?:[A-Za-z0-9\-._~]|%[0-9A-F]{2})*", encoded)


@given(st.text('a {}\n\t\r"', max_size=40))
def test_white_space_does_not_count(text: str) -> None:
    assert rules.size_of(text) == len("".join(text.split()))


tags = st.dictionaries(st.text("abAB", min_size=1, max_size=2), st.text("xy", max_size=2), max_size=6)


@given(tags, tags)
def test_tags_are_one_tag_in_any_case(present: dict[str, str], given_: dict[str, str]) -> None:
    def folded(each: dict[str, str]) -> dict[str, str]:
        return {key.lower(): value for key, value in each.items()}

    if len(folded(given_)) != len(given_):
        with pytest.raises(ServiceError):
            rules.given_tags([Tag(Key=key, Value=value) for key, value in given_.items()])
        return
    if len(folded(present)) != len(present):
        return
    new = rules.given_tags([Tag(Key=key, Value=value) for key, value in given_.items()])
    found = rules.with_tags(present, new)
    assert folded(found) == folded(present) | folded(given_)
    assert found.items() >= given_.items()
    assert folded(rules.without_tags(found, list(given_))).keys() == folded(present).keys() - folded(given_).keys()
