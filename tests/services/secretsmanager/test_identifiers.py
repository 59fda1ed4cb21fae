"""Names, ARNs, and what a SecretId points to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import secretsmanager as api
from holdfast.services.secretsmanager.identifiers import (
    SUFFIX_ALPHABET,
    Reference,
    check_name,
    is_default_key,
    owner_of,
    reference,
    secret_arn,
)

ACCOUNT, REGION, OTHER = "123456789012", "eu-central-1", "210987654321"
NAMES = st.text(alphabet="abzABZ019/_+=.@-!", min_size=1, max_size=40)
SUFFIXES = st.text(alphabet=SUFFIX_ALPHABET, min_size=6, max_size=6)


@given(NAMES, SUFFIXES, st.sampled_from([ACCOUNT, OTHER]))
def test_a_whole_arn_names_exactly_its_secret(name: str, suffix: str, owner: str) -> None:
    arn = secret_arn("aws", owner, REGION, name, suffix)
    assert reference("aws", ACCOUNT, REGION, arn) == Reference(owner, REGION, name, suffix)
    assert owner_of(ACCOUNT, arn) == owner


@given(NAMES)
def test_a_name_is_the_callers_own(name: str) -> None:
    check_name(name)
    assert reference("aws", ACCOUNT, REGION, name) == Reference(ACCOUNT, REGION, name, "")
    assert owner_of(ACCOUNT, name) == ACCOUNT


@given(NAMES)
def test_an_arn_without_the_random_part(name: str) -> None:
    found = reference("aws", ACCOUNT, REGION, f"arn:aws:secretsmanager:{REGION}:{OTHER}:secret:{name}")
    assert found is not None
    if found.suffix:
        # The documented hazard: the name itself ends like a whole ARN.
        assert name == f"{found.name}-{found.suffix}"
    else:
        assert found == Reference(OTHER, REGION, name, "")


@pytest.mark.parametrize(
    "secret_id",
    [
        "arn:",
        "arn:aws:secretsmanager",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secrets:a-AbCdEf",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf",
        "arn:aws-cn:secretsmanager:eu-central-1:123456789012:secret:a-AbCdEf",
        "arn:aws:ssm:eu-central-1:123456789012:secret:a-AbCdEf",
    ],
)
def test_other_arns_name_no_secret(secret_id: str) -> None:
    assert reference("aws", ACCOUNT, REGION, secret_id) is None


@pytest.mark.parametrize("name", ["", "a b", "ä", "a:b", "a,b", "a\n", "a*"])
def test_bad_names(name: str) -> None:
    with pytest.raises(api.InvalidParameterException) as caught:
        check_name(name)
    assert caught.value.message == (
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
    )


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("", True),
        ("alias/aws/secretsmanager", True),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/secretsmanager", True),
        (f"arn:aws:kms:{REGION}:{OTHER}:alias/aws/secretsmanager", False),
        ("alias/mine", False),
    ],
)
def test_the_accounts_own_key(key: str, default: bool) -> None:
    assert is_default_key("aws", ACCOUNT, REGION, key) is default
