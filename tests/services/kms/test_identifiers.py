"""The four forms of a KeyId, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api.base import ServiceError
from holdfast.api.kms import InvalidArnException, NotFoundException
from holdfast.services.kms.identifiers import (
    KeyReference,
    alias_arn,
    check_alias_name,
    key_arn,
    parse_key_id,
    parse_key_id_without_alias,
)

ACCOUNT = "123456789012"
OTHER = "210987654321"
REGION = "eu-central-1"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


@given(st.uuids(), st.sampled_from([ACCOUNT, OTHER]))
def test_key_ids_and_arns(uuid: object, account: str) -> None:
    key_id = str(uuid)
    assert parse_key_id(key_id, ACCOUNT, REGION) == KeyReference(ACCOUNT, key_id, "")
    arn = key_arn("aws", REGION, account, key_id)
    assert parse_key_id(arn, ACCOUNT, REGION) == KeyReference(account, key_id, "")
    assert parse_key_id_without_alias(arn, ACCOUNT, REGION) == KeyReference(account, key_id, "")


@given(st.from_regex(r"[a-zA-Z0-9/_-]{1,40}", fullmatch=True), st.sampled_from([ACCOUNT, OTHER]))
def test_aliases(name: str, account: str) -> None:
    alias = f"alias/{name}"
    arn = alias_arn("aws", REGION, account, alias)
    assert parse_key_id(alias, ACCOUNT, REGION) == KeyReference(ACCOUNT, "", alias)
    assert parse_key_id(arn, ACCOUNT, REGION) == KeyReference(account, "", alias)
    for text in (alias, arn):
        with pytest.raises(ServiceError) as caught:
            parse_key_id_without_alias(text, ACCOUNT, REGION)
        assert caught.value.code == "InvalidArnException"
        assert caught.value.message == "Key Aliases are not supported for this operation."


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("fake-key-id", "NotFoundException", "Invalid keyId 'fake-key-id'"),
        (KEY.replace("-", ""), "NotFoundException", f"Invalid keyId '{KEY.replace('-', '')}'"),
        ("mrk-fake-key-id", "NotFoundException", "Invalid keyId 'mrk-fake-key-id'"),
        ("aws/s3", "NotFoundException", "Invalid keyId 'aws/s3'"),
        (f"{KEY}\n", "NotFoundException", f"Invalid keyId '{KEY}\n'"),
        (f"arn:aws:kms:ap-southeast-1:{ACCOUNT}:key/{KEY}", "NotFoundException", "Invalid arn ap-southeast-1"),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/x", "NotFoundException", "Invalid keyId 'x'"),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:grant/x", "InvalidArnException", None),
        (f"arn:aws:s3:{REGION}:{ACCOUNT}:key/{KEY}", "InvalidArnException", None),
        (f"arn:aws:kms:{REGION}:me:key/{KEY}", "InvalidArnException", None),
        ("arn:aws:kms", "InvalidArnException", None),
    ],
)
def test_what_is_no_key_id(text: str, code: str, message: str | None) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_key_id(text, ACCOUNT, REGION)
    assert caught.value.code == code
    if message is not None:
        assert caught.value.message == message


def test_a_multi_region_id_is_well_formed() -> None:
    key_id = "mrk-d3b95762d3b95762d3b95762d3b95762"
    assert parse_key_id(key_id, ACCOUNT, REGION).key_id == key_id


@given(st.text(max_size=60))
def test_anything_else_is_refused_or_kept_as_it_is(text: str) -> None:
    try:
        reference = parse_key_id(text, ACCOUNT, REGION)
    except (NotFoundException, InvalidArnException):
        return
    assert text in (reference.key_id, reference.alias)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (
            "payroll",
            "ValidationException",
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ),
        ("alias/aws/payroll", "NotAuthorizedException", None),
        ("alias/a:b", "ValidationException", "alias/a:b contains invalid characters for an alias"),
        ("alias/", "InvalidAliasNameException", "The alias name is empty."),
    ],
)
def test_names_a_customer_cannot_give(name: str, code: str, message: str | None) -> None:
    with pytest.raises(ServiceError) as caught:
        check_alias_name(name)
    assert caught.value.code == code
    assert caught.value.message == message


@pytest.mark.parametrize("name", ["alias/a", "alias/aws", "alias/awsome/x", "alias/a/b_c-d/"])
def test_names_a_customer_can_give(name: str) -> None:
    check_alias_name(name)
