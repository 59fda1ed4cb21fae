"""Names, selectors, labels and versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import ssm as api
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.ssm import rules
from holdfast.services.ssm.rules import Settings

WHERE = ("aws", "eu-central-1", "123456789012")
PREFIX = "arn:aws:ssm:eu-central-1:123456789012:parameter"

segments = st.text(alphabet="abzAZ019_.-", min_size=1, max_size=8).filter(
    lambda text: text[:3].lower() not in {"aws", "ssm"}
)
rooted_names = st.lists(segments, min_size=1, max_size=15).map(lambda parts: "/" + "/".join(parts))
names = st.one_of(segments, rooted_names)
labels = st.from_regex(r"\A[a-c._-][a-c0-9._-]{0,3}\Z")


# -- names -----------------------------------------------------------------------------------------------------------


@given(names, st.text(alphabet=" ", max_size=3), st.text(alphabet=" ", max_size=3))
def test_every_well_formed_name_can_be_created(text: str, before: str, after: str) -> None:
    name = rules.new_name(before + text + after, *WHERE)
    assert name.text == text
    assert name.path == (text if text.startswith("/") else f"/{text}")
    assert rules.parent_of(name.path) + "/" + name.path.rpartition("/")[2] in {name.path, f"/{name.path}"}


@given(segments)
def test_with_and_without_slash_is_the_same_parameter_at_the_root(text: str) -> None:
    bare, rooted = rules.parse_name(text), rules.parse_name(f"/{text}")
    assert bare
    assert rooted
    assert bare.path == rooted.path
    assert (bare.text, rooted.text) == (text, f"/{text}")
    assert rules.arn_of(*WHERE, bare.path) == f"{PREFIX}/{text}"


@pytest.mark.parametrize(
    "text",
    ["", " ", "/", "//a", "/a//b", "/a/", "a/b", "a b", "/a b", "a@b", "é", "/a/é", "a:1", "ssm", "/ssm/a", "SSMx",
     "/Ssm.x", "arn:aws:ssm:eu-central-1:123456789012:parameter/a", "a\n", "\ta", "a\u00a0"],
)  # fmt: skip
def test_no_name(text: str) -> None:
    assert rules.parse_name(text) is None
    with pytest.raises(ValidationException, match="Parameter name: can't be prefixed with"):
        rules.new_name(text, *WHERE)


@given(st.text(max_size=20))
def test_whatever_is_taken_for_a_name_keeps_to_its_characters(text: str) -> None:
    name = rules.parse_name(text)
    if name is not None:
        assert set(name.path) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/")
        assert "//" not in name.path
        assert not name.path.endswith("/")
        assert rules.parse_name(name.text) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [("aws", "aws"), ("/aws/x", "aws/x"), ("AWSx", "AWSx"), ("/Aws.test", "Aws.test"), (" aws ", "aws")],
)
def test_names_of_aws_are_out_of_reach(text: str, said: str) -> None:
    with pytest.raises(AccessDeniedException) as caught:
        rules.writable_name(text)
    assert caught.value.message == f"No access to reserved parameter name: {said}."


def test_fifteen_levels() -> None:
    fifteen = "".join(f"/L{n}" for n in range(1, 15)) + "/name"
    assert rules.new_name(fifteen, *WHERE).path == fifteen
    with pytest.raises(api.HierarchyLevelLimitExceededException):
        rules.new_name(f"{fifteen}/more", *WHERE)


def test_the_arn_counts_to_the_length() -> None:
    room = 1011 - len(f"{PREFIX}/")
    assert rules.new_name("x" * room, *WHERE)
    assert rules.new_name("/" + "x" * room, *WHERE)
    with pytest.raises(ValidationException, match="1011 characters"):
        rules.new_name("x" * (room + 1), *WHERE)


@pytest.mark.parametrize(
    ("text", "path"),
    [("/", "/"), ("/a", "/a"), ("/a/", "/a"), (" /a/b/ ", "/a/b"), ("/aws/service", "/aws/service"), ("a", None),
     ("", None), ("//", None), ("/a//b", None), ("/a b", None), ("/ssm", None), ("/a:1", None)],
)  # fmt: skip
def test_paths(text: str, path: str | None) -> None:
    assert rules.parse_path(text) == path


# -- references ------------------------------------------------------------------------------------------------------


@given(names, st.one_of(st.just(""), st.integers(0, 10**25).map(str), labels))
def test_a_name_and_its_arn_ask_for_the_same(text: str, selector: str) -> None:
    suffix = f":{selector}" if selector else ""
    by_name = rules.parse_reference(f"{text}{suffix}", *WHERE)
    assert by_name is not None
    assert by_name == rules.parse_reference(f"{by_name.arn}{suffix}", *WHERE)
    assert by_name.arn == f"{PREFIX}{by_name.path}"
    assert by_name.shown_selector == (suffix or None)
    assert by_name.local
    assert (by_name.version is not None) == selector.isdigit()
    assert by_name.version is None or 0 <= by_name.version < 2**63


@pytest.mark.parametrize(
    "text",
    ["a:", "a:1:2", ":1", "a b:1", "arn:aws:ssm:eu-central-1:123456789012:document/a", "arn:aws:ssm:x", "arn:",
     "arn:aws:s3:eu-central-1:123456789012:parameter/a", "arn:aws:ssm:eu-central-1:123456789012:parameter/",
     "arn:aws:ssm:eu-central-1:123456789012:parameter/a/:1"],
)  # fmt: skip
def test_no_reference(text: str) -> None:
    assert rules.parse_reference(text, *WHERE) is None


def test_a_reference_to_elsewhere() -> None:
    other = rules.parse_reference("arn:aws:ssm:eu-central-1:210987654321:parameter/a/b:3", *WHERE)
    assert other is not None
    assert (other.account, other.path, other.version, other.local) == ("210987654321", "/a/b", 3, True)
    away = rules.parse_reference("arn:aws:ssm:us-east-1:123456789012:parameter/a", *WHERE)
    assert away is not None
    assert not away.local


# -- versions --------------------------------------------------------------------------------------------------------


def put(**members: object) -> api.PutParameterRequest:
    return api.PutParameterRequest(**{"Name": "n", "Value": "v", **members})  # pyright: ignore[reportArgumentType]


TEXT_SETTINGS = Settings("String", "", "what", "v+", "Standard", "text")
SECURE_SETTINGS = Settings("SecureString", "alias/mine", "", "", "Standard", "text")


def test_a_new_parameter_needs_a_type() -> None:
    with pytest.raises(ValidationException, match="A parameter type is required when you create a parameter"):
        rules.next_settings(None, put())
    assert rules.next_settings(None, put(Type="String")) == Settings("String", "", "", "", "", "text")
    assert rules.next_settings(None, put(Type="SecureString")).key_id == "alias/aws/ssm"
    assert rules.next_settings(None, put(Type="SecureString", KeyId="alias/mine")).key_id == "alias/mine"


def test_what_is_not_sent_is_kept_and_what_is_empty_is_cleared() -> None:
    assert rules.next_settings(TEXT_SETTINGS, put()) == TEXT_SETTINGS
    assert rules.next_settings(TEXT_SETTINGS, put(Type="String", Description="new")).description == "new"
    cleared = rules.next_settings(TEXT_SETTINGS, put(Description="", AllowedPattern=""))
    assert (cleared.description, cleared.allowed_pattern) == ("", "")


def test_a_secure_string_stays_under_its_key() -> None:
    assert rules.next_settings(SECURE_SETTINGS, put()).key_id == SECURE_SETTINGS.key_id
    assert rules.next_settings(SECURE_SETTINGS, put(KeyId="alias/other")).key_id == "alias/other"


def test_a_type_does_not_change() -> None:
    with pytest.raises(api.HierarchyTypeMismatchException):
        rules.next_settings(TEXT_SETTINGS, put(Type="SecureString"))


@pytest.mark.parametrize("kind", ["String", "StringList"])
def test_only_a_secure_string_has_a_key(kind: str) -> None:
    with pytest.raises(ValidationException, match="KeyId is required for SecureString type parameter only"):
        rules.next_settings(None, put(Type=kind, KeyId="alias/mine"))


@given(st.text(max_size=40))
def test_braces(text: str) -> None:
    nested = "{{" in text and "}}" in text[text.index("{{") + 2 :]
    if nested:
        with pytest.raises(ValidationException, match="can't nest another parameter"):
            rules.check_new_version(put(Value=text))
    elif text:
        rules.check_new_version(put(Value=text))


@given(st.integers(1, 1000))
def test_a_hundred_versions_are_kept(new: int) -> None:
    kept: list[int] = []
    for version in range(1, new + 1):
        if drop := rules.version_to_drop(version):
            kept.remove(drop)
        kept.append(version)
    assert kept == list(range(max(1, new - 99), new + 1))


# -- labels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["a", "Prod", "_x", ".x", "-x", "a1", "x" * 100, "aw", "ss"])
def test_labels(label: str) -> None:
    assert rules.is_label(label)


@pytest.mark.parametrize("label", ["", "1a", "aws", "AWSx", "ssm-x", "Ssm", "a b", "a:b", "é", "a/b", "x" * 101, "a\n"])
def test_no_labels(label: str) -> None:
    assert not rules.is_label(label)


@given(
    st.dictionaries(labels, st.integers(1, 3), max_size=12),
    st.integers(1, 3),
    st.lists(st.one_of(labels, st.sampled_from(["1a", "aws", "a b"])), min_size=1, max_size=10),
)
def test_attaching_then_detaching(before: dict[str, int], version: int, wanted: list[str]) -> None:
    here = {label for label, at in before.items() if at == version}
    try:
        attached, invalid = rules.attach(before, version, wanted)
    except api.ParameterVersionLabelLimitExceeded:
        assert len(here | {label for label in wanted if rules.is_label(label)}) > 10
        return
    after = {**before, **dict.fromkeys(attached, version)}
    assert sorted(invalid) == sorted({label for label in wanted if not rules.is_label(label)})
    assert {label for label, at in after.items() if at == version} == here | (set(wanted) - set(invalid))
    removed, missing = rules.detach(after, version, wanted)
    assert set(removed) == set(wanted) - set(invalid)
    assert set(missing) == set(invalid)
