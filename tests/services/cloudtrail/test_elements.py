"""What records show of structures, and the names under which it is kept."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import iam, kms, secretsmanager, ssm
from holdfast.api.base import Shape
from holdfast.services.cloudtrail.elements import NEVER_SHOWN, SHOWN_AS_HIDDEN, name_of, text_of

SECRET = "a value that no record may show"
texts = st.none() | st.sampled_from(["", "a", "b", "é", '"', "1"])
lists = st.none() | st.lists(st.sampled_from(["", "a", "b"]), max_size=2)
pairs = st.none() | st.dictionaries(st.sampled_from("abc"), st.sampled_from("abc"), max_size=3)
flags = st.sampled_from([None, True, False])
filters = st.none() | st.lists(st.builds(secretsmanager.Filter, Key=texts, Values=lists), max_size=2)
structures: st.SearchStrategy[Shape] = st.one_of(
    st.builds(secretsmanager.GetSecretValueRequest, SecretId=texts, VersionId=texts, VersionStage=texts),
    st.builds(secretsmanager.DescribeSecretRequest, SecretId=texts),
    st.builds(secretsmanager.ListSecretsRequest, MaxResults=st.sampled_from([None, 0, 1]), Filters=filters),
    st.builds(kms.DecryptRequest, EncryptionContext=pairs, GrantTokens=lists, KeyId=texts, DryRun=flags),
    st.builds(ssm.GetParameterRequest, Name=texts, WithDecryption=flags),
    st.builds(ssm.GetParametersRequest, Names=lists, WithDecryption=flags),
)


def shown(value: Shape) -> bytes:
    return type(value).__name__.encode() + text_of(value)


@given(st.lists(structures, min_size=2, max_size=8))
def test_what_has_one_name_has_one_text(values: list[Shape]) -> None:
    known: dict[tuple[Any, ...], bytes] = {}
    for value in values:
        name = name_of(value)
        if name is not None:
            assert known.setdefault(name, shown(value)) == shown(value)
            assert name_of(msgspec.structs.replace(value)) == name


@given(structures, structures)
def test_other_texts_have_other_names(one: Shape, other: Shape) -> None:
    if shown(one) != shown(other):
        assert name_of(one) is None or name_of(one) != name_of(other)


def test_what_has_structures_in_it_has_no_name() -> None:
    filtered = secretsmanager.ListSecretsRequest(Filters=[secretsmanager.Filter(Key="name", Values=["a"])])
    assert name_of(filtered) is None
    assert b'"filters":[{"key":"name","values":["a"]}]' in text_of(filtered)


@pytest.mark.parametrize("api", [iam, kms, secretsmanager, ssm], ids=lambda api: api.__name__.rsplit(".", 1)[-1])
def test_neither_texts_nor_names_hold_what_must_not_be_shown(api: Any) -> None:
    tried = 0
    for shape in vars(api).values():
        if not (isinstance(shape, type) and issubclass(shape, Shape) and shape.__struct_fields__):
            continue
        hidden = NEVER_SHOWN.union(shape.SENSITIVE, SHOWN_AS_HIDDEN.get(shape.__name__, ()))
        kinds = {field.name: repr(field.type) for field in msgspec.structs.fields(shape)}
        members = {
            name: SECRET.encode() if "bytes" in kind else SECRET
            for name, kind in kinds.items()
            if name in hidden or "bytes" in kind
        }
        if members:
            value = shape(**members)
            assert SECRET not in text_of(value).decode()
            assert SECRET not in repr(name_of(value))
            tried += 1
    assert tried > 2
