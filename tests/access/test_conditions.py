"""Condition operators: the tables of AWS's "Condition operators" page, missing keys, types, set operators."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.access.conditions import OPERATORS, compile_condition
from holdfast.access.decision import ContextValue
from holdfast.access.document import LEGACY, SYNTAX, PolicyError
from holdfast.access.grounds import Identity, SessionFacts
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.request import AccessRequest, KnownCircumstances

HOME = "111122223333"
ALICE = Principal(PrincipalKind.USER, HOME, f"arn:aws:iam::{HOME}:user/staff/alice", "AIDAALICE00000000")
SOURCE = "arn:aws:sns:us-west-2:123456789012:TOPIC-ID"


def holds(operator: str, values: Any, have: ContextValue | None, *, key: str = "example:Key") -> bool:
    """Whether a condition on one key holds for a request that has `have` there, or not at all."""
    wanted = values if isinstance(values, list) else [values]
    condition = compile_condition(operator, key, [str(value) for value in wanted], variables=True)
    request = AccessRequest("a:B", "*", HOME, {} if have is None else {key: have})
    return condition(Identity(ALICE, tags={"team": "blue"}), request)


@pytest.mark.parametrize(
    ("operator", "values", "have", "expected"),
    [
        # strings
        ("StringEquals", "iamuser-admin", "iamuser-admin", True),
        ("StringEquals", "iamuser-admin", "dev-ops", False),
        ("StringEquals", "iamuser-admin", None, False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", [], "b", False),
        ("StringEquals", "${aws:PrincipalTag/team}", "blue", True),
        ("StringEquals", "${aws:PrincipalTag/none}", "", False),
        ("StringEqualsIgnoreCase", "PreProd", "preprod", True),
        ("StringEqualsIgnoreCase", "${aws:PrincipalTag/team}", "BLUE", True),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", ["a", "b"], "a", False),
        ("StringNotEquals", "a", None, True),
        ("StringNotEquals", "${aws:PrincipalTag/none}", "a", True),  # not equal to the effectively null value
        ("StringNotEqualsIgnoreCase", "A", "a", False),
        ("StringLike", ["home/", "home/${aws:username}/*"], "home/alice/x", True),
        ("StringLike", "a?c", "abc", True),
        ("StringLike", "", "", True),
        ("StringNotLike", "a*", "abc", False),
        ("StringNotLike", "a*", None, True),
        # numbers: values may be written in several ways
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", "1e1", 10, True),
        ("NumericLessThanEquals", "10", 10, True),
        ("NumericLessThan", "10", "9.999", True),
        ("NumericGreaterThan", ["100", "5"], 6, True),  # alternatives
        ("NumericGreaterThanEquals", "-1", "-1", True),
        ("NumericNotEquals", "1", "2", True),
        ("NumericEquals", "1", "one", False),
        ("NumericNotEquals", "1", "one", True),
        ("NumericEquals", "1", None, False),
        # dates: ISO 8601 in W3C's profile, and seconds
        ("DateEquals", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", True),
        ("DateEquals", "1767323045", "2026-01-02T03:04:05Z", True),
        ("DateLessThan", "2026-01-02", "2026-01-01T23:59:59.999Z", True),
        ("DateLessThan", "2026", "2025-12-31T23:59Z", True),
        ("DateGreaterThanEquals", "2026-01", "2026-01-01", True),
        ("DateGreaterThan", "2020-01-01T00:00:01Z", None, False),
        ("DateNotEquals", "2026-01-02", "yesterday", True),
        ("DateLessThanEquals", "2026-01-02", "yesterday", False),
        # booleans
        ("Bool", "false", False, True),
        ("Bool", "false", "FALSE", True),
        ("Bool", "false", True, False),
        ("Bool", "false", None, False),
        ("Bool", "True", True, True),
        # binary
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", True),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "ASIAIOSFODNN7EXAMPLE", False),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "?", False),
        # addresses
        ("IpAddress", "203.0.113.0/24", "203.0.113.1", True),
        ("IpAddress", "203.0.113.0/24", "198.51.100.1", False),
        ("IpAddress", "203.0.113.9/24", "203.0.113.1", True),
        ("IpAddress", "203.0.113.1", "203.0.113.1", True),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("IpAddress", "203.0.113.0/24", "::ffff:203.0.113.1", True),
        ("IpAddress", "0.0.0.0/0", "nowhere", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True),
        ("NotIpAddress", "203.0.113.0/24", "2001:db8::1", True),
        ("NotIpAddress", "203.0.113.0/24", None, True),
        # ARNs: each part on its own
        ("ArnEquals", SOURCE, SOURCE, True),
        ("ArnEquals", SOURCE, SOURCE.replace("123456789012", "777788889999"), False),
        ("ArnEquals", SOURCE, None, False),
        ("ArnEquals", "arn:aws:sns:*:*:T*", SOURCE, True),
        (
            "ArnLike", "arn:aws:someservice:*:111122223333:finance/*",
            "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", False,
        ),
        (
            "StringLike", "arn:aws:someservice:*:111122223333:finance/*",
            "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", True,
        ),
        ("ArnLike", "arn:aws:iam::*:user/*/${aws:username}", ALICE.arn, True),
        ("ArnLike", "arn:aws:iam::*:*", "alice", False),
        ("ArnNotLike", "arn:aws:iam::*:*", ALICE.arn, False),
        ("ArnNotEquals", "arn:aws:iam::*:*", None, True),
        # absent keys
        ("Null", "true", None, True),
        ("Null", "true", "x", False),
        ("Null", "false", "", True),
        ("Null", "true", [], True),
        ("Null", ["true", "false"], None, True),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEqualsIfExists", "a", "a", False),
        ("BoolIfExists", "true", None, True),
        # several values
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b", "a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", "a", None, True),
        ("ForAllValues:StringEquals", "a", [], True),
        ("ForAllValues:StringEquals", "a", "", True),
        ("ForAllValues:StringEquals", "a", ["", ""], True),
        ("ForAllValues:StringEquals", "a", "a", True),
        ("ForAllValues:StringNotEquals", "a", ["b", "c"], True),
        ("ForAllValues:StringNotEquals", "a", ["a", "c"], False),
        ("ForAllValues:StringNotLike", ["o/m/", "o/s/*"], ["o/s/c"], False),
        ("ForAnyValue:StringEquals", "environment", ["environment", "costcenter"], True),
        ("ForAnyValue:StringEquals", "environment", ["costcenter"], False),
        ("ForAnyValue:StringEquals", "environment", None, False),
        ("ForAnyValue:StringEquals", "", [""], False),
        ("ForAnyValue:StringNotEquals", "a", ["a", "b"], True),
        ("ForAnyValue:StringNotEquals", "a", ["a"], False),
        ("ForAnyValue:StringNotEquals", "a", None, False),
        ("ForAnyValue:StringEqualsIfExists", "a", None, True),
        ("ForAnyValue:ArnLike", "arn:aws:iam::*:*", ["x", ALICE.arn], True),
        # a key with several values needs a set operator
        ("StringEquals", "a", ["a"], False),
        ("StringNotEquals", "a", ["b"], False),
        ("StringLikeIfExists", "*", ["a", "b"], False),
        # names of operators are taken in any case
        ("forallvalues:stringequals", "a", ["a"], True),
        ("stringNotLikeIfExists", "a", None, True),
    ],
)  # fmt: skip
def test_operators(operator: str, values: Any, have: ContextValue | None, expected: bool) -> None:
    assert holds(operator, values, have) is expected


def test_every_operator_of_the_documentation() -> None:
    assert len(OPERATORS) == 6 + 6 + 6 + 1 + 1 + 2 + 4  # string, numeric, date, Bool, BinaryEquals, address, ARN


@pytest.mark.parametrize(
    ("operator", "value", "text"),
    [
        ("StringMatches", "a", SYNTAX),
        ("NullIfExists", "true", SYNTAX),
        ("ForAllValues:Null", "true", SYNTAX),
        ("ForSome:StringEquals", "a", SYNTAX),
        ("Null", "maybe", SYNTAX),
        ("NumericEquals", "ten", LEGACY),
        ("NumericEquals", "1e9999", LEGACY),
        ("NumericEquals", "${aws:EpochTime}", LEGACY),  # variables stand in strings and ARNs only
        ("DateLessThan", "2026-13-01", LEGACY),
        ("DateLessThan", "tomorrow", LEGACY),
        ("Bool", "yes", LEGACY),
        ("BinaryEquals", "not base64", LEGACY),
        ("IpAddress", "203.0.113.0/33", LEGACY),
        ("IpAddress", "203.0.113.*", LEGACY),
        ("ArnEquals", "cluster-name", LEGACY),
        ("ArnLike", "arn:aws:iam::*", LEGACY),
    ],
)
def test_what_is_refused(operator: str, value: str, text: str) -> None:
    with pytest.raises(PolicyError) as refused:
        compile_condition(operator, "example:Key", [value], variables=True)
    assert refused.value.message == text


def value(key: str, identity: Identity, request: AccessRequest) -> bool | str | None:
    """The value of a key as StringLike and Null see it."""
    if compile_condition("Null", key, ["true"], variables=True)(identity, request):
        return None
    for candidate in CANDIDATES:
        if compile_condition("StringEquals", key, [candidate], variables=True)(identity, request):
            return candidate
    return "?"


NOW = 1_767_323_045_999
SESSION = Identity(
    Principal(PrincipalKind.ASSUMED_ROLE, HOME, f"arn:aws:sts::{HOME}:assumed-role/App/one", "AROAAPP000000000:one"),
    role_arn=f"arn:aws:iam::{HOME}:role/teams/App",
    tags={"team": "blue"},
    session=SessionFacts(
        NOW - 60_000, name="one", source_identity="alice", multi_factor=True, multi_factor_at=NOW - 61_000,
        federated_provider="arn:aws:iam::1:oidc-provider/x",
    ),
)  # fmt: skip
KEYS = {
    "aws:CurrentTime": "2026-01-02T03:04:05Z",
    "aws:EpochTime": "1767323045",
    "aws:FederatedProvider": "arn:aws:iam::1:oidc-provider/x",
    "aws:MultiFactorAuthAge": "61",
    "aws:MultiFactorAuthPresent": "true",
    "aws:PrincipalAccount": HOME,
    "aws:PrincipalArn": f"arn:aws:iam::{HOME}:role/teams/App",
    "aws:PrincipalIsAWSService": "false",
    "aws:PrincipalTag/team": "blue",
    "aws:PrincipalType": "AssumedRole",
    "aws:RequestedRegion": "eu-west-1",
    "aws:ResourceAccount": "444455556666",
    "aws:SecureTransport": "true",
    "aws:SourceIdentity": "alice",
    "aws:SourceIp": "10.1.2.3",
    "aws:TokenIssueTime": "2026-01-02T03:03:05Z",
    "aws:UserAgent": "Boto3/1.43",
    "aws:ViaAWSService": "false",
    "aws:userid": "AROAAPP000000000:one",
    "aws:username": None,
    "aws:CalledVia": None,
    "aws:PrincipalOrgID": None,
    "kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com",
}
CANDIDATES = [candidate for candidate in KEYS.values() if candidate] + ["AIDAALICE00000000", "alice", "User"]


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_a_role_session(key: str) -> None:
    request = AccessRequest(
        "kms:Decrypt", "*", "444455556666", {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"},
        KnownCircumstances(NOW, "eu-west-1", "10.1.2.3", "Boto3/1.43", True),
    )  # fmt: skip
    assert value(key, SESSION, request) == KEYS[key]
    assert value(key.upper(), SESSION, request) == KEYS[key]  # names are compared without regard to case


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("aws:username", "alice"), ("aws:userid", "AIDAALICE00000000"), ("aws:PrincipalType", "User"),
        ("aws:TokenIssueTime", None), ("aws:MultiFactorAuthPresent", None), ("aws:SourceIdentity", None),
    ],
)  # fmt: skip
def test_keys_of_a_user(key: str, expected: str | None) -> None:
    assert value(key, Identity(ALICE), AccessRequest("a:B", "*", HOME)) == expected


def test_a_call_through_a_service() -> None:
    """The address is not the caller's then, so that no condition on it holds by chance."""
    request = AccessRequest(
        "kms:Decrypt", "*", HOME, {}, KnownCircumstances(NOW, source_ip="10.1.2.3", called_via=("a.com", "b.com"))
    )
    assert value("aws:SourceIp", SESSION, request) is None
    for operator, key, wanted in (
        ("Bool", "aws:ViaAWSService", "true"),
        ("StringEquals", "aws:CalledViaFirst", "a.com"),
        ("StringEquals", "aws:CalledViaLast", "b.com"),
        ("ForAnyValue:StringEquals", "aws:CalledVia", "b.com"),
    ):
        assert compile_condition(operator, key, [wanted], variables=True)(SESSION, request)


def test_overrides_stand_above_everything() -> None:
    request = AccessRequest("a:B", "*", HOME, {"x:Y": "1"}, overrides={"AWS:username": "alice", "x:y": "AssumedRole"})
    assert value("aws:username", SESSION, request) == "alice"
    assert value("x:Y", SESSION, request) == "AssumedRole"


def test_a_tag_that_differs_in_case_only_changes_nothing() -> None:
    """Whoever may add the tag `TEAM` must not pass for the team in the tag `team`."""
    request = AccessRequest("a:B", "*", HOME, {"aws:ResourceTag/TEAM": "alice", "aws:ResourceTag/team": "User"})
    assert value("aws:ResourceTag/team", SESSION, request) == "User"
    assert value("aws:ResourceTag/TEAM", SESSION, request) == "alice"


def test_the_context_is_not_looked_at_without_need() -> None:
    class Costly(dict[str, ContextValue]):
        def get(self, key: str, default: Any = None) -> Any:
            raise AssertionError("asked for")

    request = AccessRequest("a:B", "*", HOME, Costly())
    assert compile_condition("StringEquals", "aws:username", ["alice"], variables=True)(Identity(ALICE), request)
