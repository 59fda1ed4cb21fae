"""Filters: checked as AWS checks them, and an index never changes what they find."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import ssm as api
from holdfast.api.base import ServiceError, ValidationException
from holdfast.services.ssm import filters
from holdfast.services.ssm.filters import BY_PATH_OPTIONS, DESCRIBE_OPTIONS, Filter, Range, Source
from holdfast.services.ssm.rules import parent_of

Strategy = st.SearchStrategy[api.ParameterStringFilter]


@dataclass(frozen=True)
class Some:
    """A parameter, as far as filters look at it."""

    path: str
    type: str = "String"
    key_id: str = ""
    tier: str = "Standard"
    data_type: str = "text"
    tags: dict[str, str] = field(default_factory=dict[str, str])

    def tag_map(self) -> dict[str, str]:
        return self.tags


def asked(key: str, *values: str, option: str | None = None) -> api.ParameterStringFilter:
    return api.ParameterStringFilter(Key=key, Option=option, Values=list(values) or None)


def describe(*given: api.ParameterStringFilter) -> list[Filter]:
    return filters.describe_filters(api.DescribeParametersRequest(ParameterFilters=list(given)))


def test_as_many_filters_as_a_request_has_room_for() -> None:
    # Comparing each with each would take minutes.
    many = [asked(f"tag:{number}") for number in range(100_000)]
    assert len(describe(*many)) == len(many)
    with pytest.raises(api.InvalidFilterKey, match=r"\[tag:0, tag:9\]"):
        describe(*many, many[0], many[9])


def finds(some: Some, *given: api.ParameterStringFilter) -> bool:
    return filters.matches(describe(*given), some)


# -- what matches ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["/tangent", "tangent", " tangent "])
def test_a_name_with_and_without_slash(written: str) -> None:
    assert finds(Some("/tangent"), asked("Name", written))
    assert finds(Some("/tangent-3"), asked("Name", written, option="BeginsWith"))
    assert not finds(Some("/tangent-3"), asked("Name", written))


def test_containing() -> None:
    assert finds(Some("/tangram-4"), asked("Name", "/tan", option="Contains"))
    assert not finds(Some("/standby-5"), asked("Name", "/tan", option="Contains"))
    assert finds(Some("/standby-5"), asked("Name", "tan", option="Contains"))
    assert finds(Some("/a/b"), asked("Name", "x", "/b", option="Contains"))


def test_paths() -> None:
    assert finds(Some("/a/b"), asked("Path", "/a"))
    assert finds(Some("/a/b"), asked("Path", "/a/"))
    assert not finds(Some("/a/b/c"), asked("Path", "/a"))
    assert finds(Some("/a/b/c"), asked("Path", "/a", option="Recursive"))
    assert not finds(Some("/a"), asked("Path", "/a", option="Recursive"))
    assert not finds(Some("/ab"), asked("Path", "/a", option="Recursive"))
    assert finds(Some("/ab"), asked("Path", "/"))
    assert finds(Some("/a/b"), asked("Path", "/", option="Recursive"))


def test_type_key_tier_data_type() -> None:
    secure = Some("/s", "SecureString", "alias/aws/ssm")
    assert finds(secure, asked("Type", "SecureString"))
    assert finds(Some("/l", "StringList"), asked("Type", "String", option="BeginsWith"))
    assert not finds(Some("/l", "StringList"), asked("Type", "String"))
    assert finds(secure, asked("KeyId", "alias/aws/ssm"))
    assert finds(secure, asked("KeyId", "alias/", option="BeginsWith"))
    assert not finds(Some("/t"), asked("KeyId", "alias/", option="BeginsWith"))
    assert finds(secure, asked("Tier", "Standard"))
    assert not finds(secure, asked("Tier", "Advanced"))
    assert finds(secure, asked("DataType", "te", option="BeginsWith"))


def test_tags() -> None:
    tagged = Some("/t", tags={"Env": "prod", "a:b": ""})
    assert finds(tagged, asked("tag:Env"))
    assert finds(tagged, asked("tag:Env", "test", "prod"))
    assert finds(tagged, asked("tag:Env", "pr", option="BeginsWith"))
    assert finds(tagged, asked("tag:a:b"))
    assert not finds(tagged, asked("tag:env"))
    assert not finds(tagged, asked("tag:Env", "pr"))
    assert not finds(tagged, asked("tag:Env", "prod"), asked("Type", "StringList"))


def test_the_older_form() -> None:
    def older(key: str, *values: str) -> list[Filter]:
        return filters.describe_filters(
            api.DescribeParametersRequest(Filters=[api.ParametersFilter(Key=key, Values=list(values))])
        )

    assert filters.matches(older("Name", "tan"), Some("/tangent"))
    assert filters.matches(older("Type", "String"), Some("/t"))
    assert not filters.matches(older("Type", "String"), Some("/t", "StringList"))
    assert filters.matches(older("KeyId", "k"), Some("/t", "SecureString", "k"))


# -- what is refused -------------------------------------------------------------------------------------------------


KEY = "The following filter key is not valid: {}. Valid filter keys include: [{}]."
OPTION = "The following filter option is not valid: {}. Valid options include: [{}]."
VALUE = "The following filter value is not valid: {}. Valid values include: [{}]."


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (asked("Label", "x"), api.InvalidFilterKey, KEY.format("Label", "Path, Name, Type, KeyId, Tier, DataType")),
        (
            asked("Name", "x", option="OneLevel"),
            api.InvalidFilterOption,
            OPTION.format("OneLevel", "BeginsWith, Contains, Equals"),
        ),
        (
            asked("Type", "String", option="Contains"),
            api.InvalidFilterOption,
            OPTION.format("Contains", "BeginsWith, Equals"),
        ),
        (
            asked("Path", "/x", option="Equals"),
            api.InvalidFilterOption,
            OPTION.format("Equals", "OneLevel, Recursive"),
        ),
        (asked("Tier", "S", option="BeginsWith"), api.InvalidFilterOption, OPTION.format("BeginsWith", "Equals")),
        (
            asked("tag:x", "y", option="Contains"),
            api.InvalidFilterOption,
            OPTION.format("Contains", "BeginsWith, Equals"),
        ),
        (asked("Name"), api.InvalidFilterValue, "The following filter values are missing : null for filter key Name."),
        (asked("Type", "Text"), api.InvalidFilterValue, VALUE.format("Text", "String, StringList, SecureString")),
        (
            asked("Tier", "Gold"),
            api.InvalidFilterValue,
            VALUE.format("Gold", "Standard, Advanced, Intelligent-Tiering"),
        ),
    ],
)
def test_refusals(given: api.ParameterStringFilter, error: type[ServiceError], text: str) -> None:
    with pytest.raises(error) as caught:
        describe(given)
    assert caught.value.message == text


@pytest.mark.parametrize("path", ["a", "//", "/a b", "/ssm"])
def test_a_path_must_be_one(path: str) -> None:
    with pytest.raises(ValidationException, match="The parameter doesn't meet the parameter name requirements"):
        describe(asked("Path", path))


def test_a_key_is_there_once() -> None:
    with pytest.raises(api.InvalidFilterKey, match=r"duplicated in the request: \[Type\]"):
        describe(asked("Type", "String"), asked("Type", "StringList"))
    assert len(describe(asked("tag:a"), asked("tag:b"))) == 2


def test_one_form_at_a_time() -> None:
    both = api.DescribeParametersRequest(
        Filters=[api.ParametersFilter(Key="Type", Values=["String"])], ParameterFilters=[asked("Type", "String")]
    )
    with pytest.raises(ValidationException, match="You can use either Filters or ParameterFilters"):
        filters.describe_filters(both)


@pytest.mark.parametrize("key", ["Name", "Path", "Tier", "DataType", "tag:x"])
def test_keys_that_a_path_does_not_take(key: str) -> None:
    with pytest.raises(api.InvalidFilterKey, match="Valid filter keys include: \\[Type, KeyId, Label\\]"):
        filters.checked([asked(key, "/x")], BY_PATH_OPTIONS)


# -- an index never changes what is found ----------------------------------------------------------------------------

paths = st.lists(st.sampled_from(["a", "ab", "b", "-", "Z", "0"]), min_size=1, max_size=3).map(
    lambda p: "/" + "/".join(p)
)
somes = st.builds(
    Some,
    path=paths,
    type=st.sampled_from(["String", "StringList", "SecureString"]),
    key_id=st.sampled_from(["", "alias/aws/ssm", "alias/k"]),
    tags=st.dictionaries(st.sampled_from(["k", "l"]), st.sampled_from(["", "v", "w"]), max_size=2),
)
name_values = st.one_of(paths, paths.map(lambda path: path[1:]), st.sampled_from(["a", "/a", "/", "x"]))


def question(key: str, values: st.SearchStrategy[str], *options: str, least: int = 1) -> Strategy:
    return st.builds(
        api.ParameterStringFilter,
        Key=st.just(key),
        Option=st.sampled_from(options),
        Values=st.lists(values, min_size=least, max_size=3),
    )


questions = st.one_of(
    question("Name", name_values, "Equals", "BeginsWith", "Contains"),
    question("Path", st.one_of(paths, st.just("/")), "OneLevel", "Recursive"),
    question("Type", st.sampled_from(["String", "SecureString"]), "Equals"),
    question("tag:k", st.sampled_from(["v", "w"]), "Equals", "BeginsWith", least=0),
    question("tag:l", st.sampled_from(["v", "w"]), "Equals", "BeginsWith", least=0),
)


def in_range(some: Some, part: Range) -> bool:
    """What the statement of a range reads."""
    if not part.low <= some.path < part.high:
        return False
    if part.source is Source.CHILDREN:
        return parent_of(some.path) == part.key[0]
    if part.source is Source.TAGGED:
        return some.tags.get(part.key[0]) == part.key[1]
    return True


@given(somes, st.lists(questions, max_size=3, unique_by=lambda f: f.Key))
def test_ranges_miss_nothing_and_repeat_nothing(some: Some, given: list[api.ParameterStringFilter]) -> None:
    wanted = describe(*given)
    holding = [part for part in filters.ranges_of(wanted) if in_range(some, part)]
    assert len(holding) <= 1
    if filters.matches(wanted, some):
        assert len(holding) == 1


@given(paths, paths)
def test_nothing_is_between_a_path_and_what_comes_after_it(one: str, other: str) -> None:
    assert (other > one) == (other >= filters.after(one))


@given(paths, st.one_of(paths, st.just("/")), st.booleans())
def test_below(path: str, node: str, recursive: bool) -> None:
    part = filters.below_range(node, recursive=recursive)
    assert in_range(Some(path), part) == filters.is_below(path, node, recursive=recursive)


def test_the_tables_give_a_default_first() -> None:
    assert {key: options[0] for key, options in DESCRIBE_OPTIONS.items()} == {
        "Path": "OneLevel",
        **dict.fromkeys(("Name", "Type", "KeyId", "Tier", "DataType", "tag:"), "Equals"),
    }
