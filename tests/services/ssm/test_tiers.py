"""Tiers: which one a parameter gets, what it holds, how many there may be, and how advanced values are encrypted."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException
from holdfast.services.ssm import records, tiers
from holdfast.services.ssm.tiers import ADVANCED, INTELLIGENT, STANDARD
from holdfast.testing import Account
from holdfast.vault.encryption_sdk import read_header

from .house import ACCOUNT, REGION, House
from .refusals import refused

POLICIES = '[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"5","Unit":"Hours"}}]'
SETTING = "/ssm/parameter-store/default-parameter-tier"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "store.db")
    yield house
    house.database.close()


# -- rules --------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([None, *tiers.TIERS]),
    st.sampled_from(tiers.TIERS),
    st.sampled_from([None, STANDARD, ADVANCED]),
    st.booleans(),
    st.booleans(),
)
def test_what_a_tier_becomes(
    requested: str | None, default: str, previous: str | None, needs_advanced: bool, full: bool
) -> None:
    wish = requested or default
    try:
        got = tiers.tier_of(requested, default, previous, needs_advanced=needs_advanced, standard_is_full=full)
    except ValidationException:
        assert (requested, previous) == (STANDARD, ADVANCED)
        return
    assert got in {STANDARD, ADVANCED}
    if previous == ADVANCED:
        assert got == ADVANCED, "never down"
    elif wish == INTELLIGENT:
        assert (got == ADVANCED) == (needs_advanced or (previous is None and full))
    else:
        assert got == wish


# -- through boto3 ------------------------------------------------------------------------------------------------


def tier(ssm: Any, name: str) -> str:
    return ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]["Tier"]


def put(ssm: Any, name: str, value: str = "v", **more: Any) -> str:
    return ssm.put_parameter(Name=name, Value=value, Type="String", **more)["Tier"]


def test_an_advanced_parameter_holds_8_kb(ssm: Any) -> None:
    for kind in ("String", "SecureString"):
        answer = ssm.put_parameter(Name=f"/{kind}", Value="é" * 4096, Type=kind, Tier="Advanced")
        assert (answer["Version"], answer["Tier"]) == (1, "Advanced")
        assert ssm.get_parameter(Name=f"/{kind}", WithDecryption=True)["Parameter"]["Value"] == "é" * 4096
    code, text = refused(ssm.put_parameter, Name="/n", Value="x" * 8193, Type="String", Tier="Advanced")
    assert code == "ValidationException"
    assert "8192" in text
    history = ssm.get_parameter_history(Name="/String")["Parameters"]
    assert [v["Tier"] for v in history] == ["Advanced"]


def test_intelligent_tiering_chooses(ssm: Any) -> None:
    wish = {"Tier": "Intelligent-Tiering"}
    assert put(ssm, "small", **wish) == "Standard"
    assert put(ssm, "large", "x" * 4097, **wish) == "Advanced"
    assert put(ssm, "watched", Policies=POLICIES, **wish) == "Advanced"
    assert put(ssm, "json", "{}", DataType="json", **wish) == "Advanced"
    assert put(ssm, "large", "now small", Overwrite=True, **wish) == "Advanced", "it stays up"
    assert put(ssm, "small", "x" * 4097, Overwrite=True, **wish) == "Advanced"
    assert {tier(ssm, name) for name in ("small", "large", "watched", "json")} == {"Advanced"}


def test_up_but_never_down(ssm: Any) -> None:
    assert put(ssm, "n") == "Standard"
    assert put(ssm, "n", Tier="Advanced", Overwrite=True) == "Advanced"
    code, text = refused(ssm.put_parameter, Name="n", Value="v", Tier="Standard", Overwrite=True)
    assert code == "ValidationException"
    assert text.startswith("This parameter uses the advanced-parameter tier. You can't downgrade")
    assert ssm.put_parameter(Name="n", Value="v", Overwrite=True)["Tier"] == "Advanced", "without a tier it stays"
    assert [v["Tier"] for v in ssm.get_parameter_history(Name="n")["Parameters"]] == ["Standard", *["Advanced"] * 2]
    ssm.delete_parameter(Name="n")
    assert put(ssm, "n", Tier="Standard") == "Standard"


def test_the_default_tier(ssm: Any) -> None:
    ssm.update_service_setting(SettingId=SETTING, SettingValue="Intelligent-Tiering")
    assert put(ssm, "small") == "Standard"
    assert put(ssm, "large", "x" * 4097) == "Advanced"
    ssm.update_service_setting(SettingId=SETTING, SettingValue="Advanced")
    assert put(ssm, "new") == "Advanced"
    assert put(ssm, "small", Overwrite=True) == "Advanced"
    assert put(ssm, "explicit", Tier="Standard") == "Standard"
    ssm.reset_service_setting(SettingId=SETTING)
    assert put(ssm, "last") == "Standard"
    found = ssm.describe_parameters(ParameterFilters=[{"Key": "Tier", "Values": ["Advanced"]}])["Parameters"]
    assert {p["Name"] for p in found} == {"large", "new", "small"}


def test_an_advanced_secure_string_is_an_encryption_sdk_message(holdfast: Account, ssm: Any, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]
    ssm.put_parameter(Name="/a/s", Value="x" * 8000, Type="SecureString", KeyId=key["KeyId"], Tier="Advanced")
    message = base64.b64decode(ssm.get_parameter(Name="/a/s")["Parameter"]["Value"])
    header = read_header(message)
    context = {"PARAMETER_ARN": f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/a/s"}
    assert (header.key_arn, header.context) == (key["Arn"], context)
    data_key = kms.decrypt(CiphertextBlob=header.data_key, EncryptionContext=context)
    assert len(data_key["Plaintext"]) == 32
    kms.disable_key(KeyId=key["KeyId"])
    code, text = refused(ssm.get_parameter, Name="/a/s", WithDecryption=True)
    assert code == "InvalidKeyId"
    assert "is disabled. (Service: AWSKMS;" in text
    kms.enable_key(KeyId=key["KeyId"])
    ssm.put_parameter(Name="up", Value="standard", Type="SecureString")
    ssm.put_parameter(Name="up", Value="advanced", Overwrite=True, Tier="Advanced")
    history = ssm.get_parameter_history(Name="up", WithDecryption=True)["Parameters"]
    assert [v["Value"] for v in history] == ["standard", "advanced"]


# -- how many -----------------------------------------------------------------------------------------------------


def attempt(house: House, name: str, wish: str | None, **more: Any) -> str | None:
    request = api.PutParameterRequest(Name=name, Value="v", Type="String", Tier=wish, **more)
    return house.call(api.PutParameter, request).Tier


def exceeded(house: House, name: str, wish: str | None, **more: Any) -> bool:
    request = api.PutParameterRequest(Name=name, Value="v", Type="String", Tier=wish, **more)
    return isinstance(house.error(api.PutParameter, request), api.ParameterLimitExceeded)


def test_counts_of_both_tiers(house: House) -> None:
    house.limits.update({STANDARD: 2, ADVANCED: 3})
    assert [attempt(house, f"/s{n}", STANDARD) for n in range(2)] == [STANDARD] * 2
    assert exceeded(house, "/more", STANDARD)
    assert exceeded(house, "/more", None)
    assert attempt(house, "/s0", STANDARD, Overwrite=True) == STANDARD, "another version is no other parameter"
    assert attempt(house, "/over", INTELLIGENT) == ADVANCED, "where standard parameters have no room"
    assert attempt(house, "/s0", ADVANCED, Overwrite=True) == ADVANCED
    assert attempt(house, "/again", STANDARD) == STANDARD, "the one that went up made room"
    assert attempt(house, "/a", ADVANCED) == ADVANCED
    assert exceeded(house, "/b", ADVANCED)
    assert exceeded(house, "/s1", ADVANCED, Overwrite=True)
    house.call(api.DeleteParameters, api.DeleteParametersRequest(Names=["/a", "/again"]))
    assert attempt(house, "/b", ADVANCED) == ADVANCED
    assert attempt(house, "/c", STANDARD) == STANDARD
    with house.transaction(writable=False) as tx:
        counted = {tier: records.count_of(tx, ACCOUNT, REGION, tier) for tier in (STANDARD, ADVANCED)}
    assert counted == {STANDARD: 2, ADVANCED: 3}


def test_a_refused_parameter_does_not_count(house: House) -> None:
    house.limits[STANDARD] = 1
    wrong = api.PutParameterRequest(Name="/n", Value="v", Type="SecureString", KeyId="alias/nothing")
    assert isinstance(house.error(api.PutParameter, wrong), api.InvalidKeyId)
    assert attempt(house, "/n", STANDARD) == STANDARD
    assert exceeded(house, "/m", STANDARD)
