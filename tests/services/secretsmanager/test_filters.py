"""What filters match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager.filters import (
    Attributes,
    compile_filter,
    compile_filters,
    name_range,
    words,
)

SECRET = Attributes(
    "Prod/MyDatabase2", "Description of my secret: Orders", {"Team": "Blue-Whales", "env": "prod", "empty": ""}
)

MATCHES = [
    ("name", ["Prod/"], True),
    ("name", [""], True),
    ("name", ["prod/"], False),
    ("name", ["MyDatabase"], False),
    ("name", ["x", "Prod"], True),
    ("name", ["!Prod"], False),
    ("name", ["!x"], True),
    ("name", ["!x", "!Prod"], False),
    ("name", ["Prod", "!Prod/My"], False),
    ("name", ["Prod", "!x"], True),
    ("name", ["x", "!y"], False),
    ("tag-key", ["Te"], True),
    ("tag-key", ["te"], False),
    ("tag-key", ["!Te"], False),
    ("tag-value", ["Blue"], True),
    ("tag-value", ["Whales"], False),
    ("tag-value", ["!prod", "!x"], False),
    ("description", ["My Description"], True),
    ("description", ["description OF"], True),
    ("description", ["orders"], True),
    ("description", ["rders"], False),
    ("description", ["my absent"], False),
    ("description", ["!my absent"], True),
    ("primary-region", ["eu-central-1"], False),
    ("primary-region", ["!eu-central-1"], True),
    ("owning-service", ["rds"], False),
    ("owning-service", ["!rds"], True),
    ("all", ["database"], True),
    ("all", ["base"], False),
    ("all", ["blue 2"], True),
    ("all", ["whales/orders/PROD"], True),
    ("all", ["blueWhales"], True),
    ("all", ["team red"], False),
    ("all", ["!team red"], True),
    ("all", ["!team blue"], False),
]


@pytest.mark.parametrize(("key", "values", "matches"), MATCHES)
def test_matches(key: str, values: list[str], matches: bool) -> None:
    assert compile_filter(key, values).matches(SECRET) is matches


def test_a_secret_without_description_has_none_to_match() -> None:
    bare = Attributes("a", "", {})
    assert not compile_filter("description", [""]).matches(bare)
    assert compile_filter("description", ["!x"]).matches(bare)
    assert not compile_filter("tag-key", [""]).matches(bare)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MyDBSecret2x", ["my", "db", "secret", "2", "x"]),
        ("a-b_c/d", ["a", "b", "c", "d"]),
        ("ABC", ["abc"]),
        ("  ", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize("incomplete", [api.Filter(Key="name"), api.Filter(Values=["x"]), api.Filter()])
def test_incomplete_filters(incomplete: api.Filter) -> None:
    with pytest.raises(api.InvalidParameterException):
        compile_filters([incomplete])


NAMES = st.text(alphabet="ab/", max_size=5)
VALUES = st.lists(st.tuples(st.sampled_from(["", "", "!"]), NAMES).map("".join), min_size=1, max_size=3)


@given(st.lists(VALUES, max_size=3), NAMES)
def test_the_range_holds_every_matching_name(filters: list[list[str]], name: str) -> None:
    compiled = compile_filters([api.Filter(Key="name", Values=values) for values in filters])
    found = name_range(compiled)
    if found is not None and all(each.matches(Attributes(name, "", {})) for each in compiled):
        assert found[0] <= name < found[1]
    positive = [values for values in filters if not all(value.startswith("!") for value in values)]
    assert (found is None) is (not positive)
