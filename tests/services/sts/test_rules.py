"""Ids, durations, tags and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.api import sts
from holdfast.api.base import ValidationException
from holdfast.services.sts import rules
from holdfast.vault.randomness import UnsafeSeededRandomness

ACCOUNTS = st.integers(0, 10**12 - 1).map(lambda number: f"{number:012}")


@given(ACCOUNTS, st.text(max_size=5))
def test_a_key_id_names_its_account(account: str, seed: str) -> None:
    key_id = rules.new_session_key_id(UnsafeSeededRandomness(seed), account)
    assert len(key_id) == 20
    assert key_id.startswith("ASIA")
    assert rules.account_of_session_key(key_id) == account


@pytest.mark.parametrize(
    "key_id",
    ["AKIAQAAAAAAAAAAAAAAA", "ASIA", "ASIA77777777777777770", "ASIA0000000000000000", "ASIAAAAAAAAAAAAAAAAA", ""],
)
def test_other_ids_name_none(key_id: str) -> None:
    assert rules.account_of_session_key(key_id) is None


@given(st.text(max_size=24))
def test_any_text_is_read_as_an_id_or_not(text: str) -> None:
    account = rules.account_of_session_key("ASIA" + text)
    assert account is None or len(account) == 12


@pytest.mark.parametrize(
    ("arn", "parts"),
    [
        ("arn:aws:iam::123456789012:role/Reader", ("123456789012", "Reader")),
        ("arn:aws:iam::123456789012:role/team/a/Reader", ("123456789012", "Reader")),
        ("arn:aws:iam::123456789012:role/aws-service-role/x.amazonaws.com/R", ("123456789012", "R")),
    ],
)
def test_role_arns(arn: str, parts: tuple[str, str]) -> None:
    assert rules.parse_role_arn(arn) == parts


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:user/Reader",
        "arn:aws:iam::12345678901:role/Reader",
        "arn:aws:iam:us-east-1:123456789012:role/Reader",
        "arn:aws:sts::123456789012:assumed-role/Reader/x",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::123456789012:role/Re:ader",
        "arn:aws:iam::123456789012:role/Reader ",
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
        "Reader" * 5,
    ],
)
def test_what_is_no_role_arn(arn: str) -> None:
    with pytest.raises(ValidationException, match=r"^Request ARN is invalid$"):
        rules.parse_role_arn(arn)


def test_role_durations() -> None:
    assert rules.role_duration(None, 43_200, chained=False) == 3600
    assert rules.role_duration(43_200, 43_200, chained=False) == 43_200
    assert rules.role_duration(3600, 43_200, chained=True) == 3600
    with pytest.raises(ValidationException, match=r"exceeds the MaxSessionDuration set for this role.$"):
        rules.role_duration(7200, 3600, chained=False)
    with pytest.raises(
        ValidationException, match=r"exceeds the 1 hour session limit for roles assumed by role chaining$"
    ):
        rules.role_duration(3601, 43_200, chained=True)


def test_session_token_durations() -> None:
    assert rules.session_token_duration(None, root=False) == 43_200
    assert rules.session_token_duration(129_600, root=False) == 129_600
    assert rules.session_token_duration(None, root=True) == 3600
    assert rules.session_token_duration(7200, root=True) == 3600
    assert rules.session_token_duration(900, root=True) == 900


def _tags(**tags: str) -> list[sts.Tag]:
    return [sts.Tag(Key=key, Value=value) for key, value in tags.items()]


def test_tag_keys_are_one_whatever_their_case() -> None:
    assert rules.tags_of(_tags(Team="a", team_="b")) == {"Team": "a", "team_": "b"}
    with pytest.raises(rules.InvalidParameterValue, match="Duplicate tag keys found"):
        rules.tags_of(_tags(Team="a", team="b"))
    with pytest.raises(rules.InvalidParameterValue, match="reserved prefix"):
        rules.tags_of([sts.Tag(Key="AWS:x", Value="")])


def test_transitive_tags_go_on() -> None:
    assert rules.inherit({"Team": "a", "Cost": "b"}, ["team"], {}) == ({"Team": "a", "Cost": "b"}, ("Team",))
    assert rules.inherit({"Cost": "b"}, [], {"Team": "a"}) == ({"Cost": "b", "Team": "a"}, ("Team",))
    with pytest.raises(
        rules.InvalidParameterValue, match="conflicts with a transitive tag key from the calling session"
    ):
        rules.inherit({"TEAM": "b"}, [], {"Team": "a"})
    with pytest.raises(rules.InvalidParameterValue, match="must be included in the requested tags"):
        rules.inherit({"Team": "b"}, ["Cost"], {})


def test_a_session_tag_replaces_the_roles_whatever_its_case() -> None:
    own = {"Department": "Marketing", "Cost": "1"}
    assert rules.merged_tags(own, {"department": "engineering"}) == {"Cost": "1", "department": "engineering"}
    assert rules.merged_tags(own, {}) == own


def test_sizes() -> None:
    assert rules.packed_percentage(b"", (), {}) == 0
    assert rules.packed_percentage(b"x" * rules.PACKED_LIMIT, (), {}) == 100
    with pytest.raises(
        sts.PackedPolicyTooLargeException, match=r"^Packed policy consumes 101% of allotted space, please"
    ):
        rules.packed_percentage(b"x" * (rules.PACKED_LIMIT + 1), (), {})
    with pytest.raises(
        sts.PackedPolicyTooLargeException, match=r"^Packed size of session tags consumes .*% of allotted"
    ):
        rules.packed_percentage(b"", (), {f"key{n}": "v" * 256 for n in range(10)})
    with pytest.raises(ValidationException, match="'policyArns'"):
        rules.check_policy_arns("", ["arn"] * 11)
    with pytest.raises(ValidationException, match="'policy'"):
        rules.check_policy_arns("x" * 2048, ["a"])
