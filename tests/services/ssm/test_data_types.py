"""Data types: what a value must be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.base import ValidationException
from holdfast.services.ssm.data_types import CHECKS, INTEGRATION_PREFIX, check_data_type

from .refusals import refused

VALUES = {
    "text": (["", "anything"], []),
    "aws:region": (["eu-central-1", "us-gov-west-1"], ["europe", "EU-CENTRAL-1", "eu-central"]),
    "aws:account:id": (["123456789012"], ["12345678901", "1234567890123", "٣" * 12]),
    "boolean": (["true", "FALSE"], ["yes", "1", ""]),
    "integer": (["0", "-12", "+7"], ["1.0", "", "0x1", "1e3"]),
    "float": (["1", "1.5", "-.5", "1e9", "2.E-3"], ["", ".", "1,5", "nan", "e1"]),
    "binary": (["", "AAEC", "AA==", "AAE="], ["AA", "A===", "*"]),
    "hostname": (["db", "db-1.example.org", "a" * 63], ["-db", "a_b", "a..b", "a" * 64, "a." * 127 + "a"]),
    "email": (["a@example.org", "a.b+c@d.example"], ["a", "@example.org", "a@b", "a b@example.org"]),
    "ipv4-address": (["192.0.2.1"], ["192.0.2", "192.0.2.256", "::1"]),
    "ipv6-address": (["::1", "2001:db8::1"], ["192.0.2.1", ":::"]),
    "url": (["https://example.org/a?b#c", "s3://bucket/key"], ["example.org", "https://", "http://a b"]),
    "json": (['{"a":[1,null]}', "1"], ["{", "", "{'a':1}", "// c\n1", "[" * 3000]),
    "jsonc": (['{"a": "// no comment" /* one */} // two', "1"], ["{", "/* open"]),
    "aws:ec2:image": (["ami-0123abcd", "ami-0123456789abcdef0"], ["ami-1", "AMI-0123abcd", "i-0123abcd"]),
}


@pytest.mark.parametrize(
    ("kind", "value", "good"),
    [(kind, value, good) for kind, both in VALUES.items() for good, values in zip((True, False), both, strict=True)
     for value in values],
)  # fmt: skip
def test_what_is_valid(kind: str, value: str, good: bool) -> None:
    assert CHECKS[kind](value) is good
    if good or kind == "aws:ec2:image":
        check_data_type(kind, None, "String", "/n", value)
        return
    with pytest.raises(ValidationException) as caught:
        check_data_type(kind, None, "String", "/n", value)
    assert str(caught.value) == f"The parameter value doesn't conform to the data type {kind}.", "without the value"


@given(st.sampled_from(sorted(CHECKS)), st.text(max_size=40))
def test_every_text_has_an_answer(kind: str, value: str) -> None:
    assert CHECKS[kind](value) in {True, False}


def test_a_list_is_checked_item_by_item() -> None:
    check_data_type("integer", None, "StringList", "/n", "1,2,3")
    for value in ("1,x", "1,,2", "1,"):
        with pytest.raises(ValidationException):
            check_data_type("integer", None, "StringList", "/n", value)


def test_through_the_api(ssm: Any) -> None:
    ssm.put_parameter(Name="n", Value="443", Type="String", DataType="integer")
    assert ssm.get_parameter(Name="n")["Parameter"]["DataType"] == "integer"
    assert refused(ssm.put_parameter, Name="n", Value="https", Overwrite=True)[0] == "ValidationException"
    ssm.put_parameter(Name="n", Value="https", Overwrite=True, DataType="text")
    for fixed in ("aws:ec2:image", "aws:ssm:integration"):
        code, text = refused(ssm.put_parameter, Name="n", Value="ami-0123abcd", Overwrite=True, DataType=fixed)
        assert code == "ValidationException"
        assert "can't be changed from text" in text
    assert (
        refused(ssm.put_parameter, Name="m", Value="v", Type="String", DataType="nothing")[0] == "ValidationException"
    )
    name = f"{INTEGRATION_PREFIX}hook"
    hook = {"Value": "{}", "DataType": "aws:ssm:integration"}
    assert refused(ssm.put_parameter, Name=name, Type="String", **hook)[0] == "ValidationException"
    assert refused(ssm.put_parameter, Name="/elsewhere", Type="SecureString", **hook)[0] == "ValidationException"
    ssm.put_parameter(Name=name, Type="SecureString", **hook)
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["DataType"] == "aws:ssm:integration"
