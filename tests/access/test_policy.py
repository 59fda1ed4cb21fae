"""Compiled policies: what the index leaves out cannot match; principals are read and replaced."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.policy import INDEX_FROM, PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.principals import named_principals, with_principals
from holdfast.access.request import AccessRequest

ALICE = Identity(Principal(PrincipalKind.USER, "1", "arn:aws:iam::1:user/alice", "AIDA1"))
resources = st.lists(
    st.sampled_from(
        [
            "*", "arn:aws:s3:::a", "arn:aws:s3:::a*", "arn:aws:s3:::ab?", "arn:aws:s3:::*b", "arn:aws:s3:::abc",
            "arn:aws:s3:::${aws:username}*", "arn:aws:s3:*", "arn:*:s3:::ab*c", "arn:aws:s3:::alice",
        ]
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip


def statement(effect: str, name: str, found: list[str]) -> dict[str, Any]:
    return {"Effect": effect, "Action": "s3:GetObject", name: found}


statements = st.builds(
    statement,
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]),
    resources,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(statements, min_size=INDEX_FROM, max_size=INDEX_FROM + 8),
    st.sampled_from(["arn:aws:s3:::a", "arn:aws:s3:::abc", "arn:aws:s3:::alice1", "arn:aws:s3:::xb", "other", "*"]),
)
def test_an_index_changes_nothing(found: list[dict[str, Any]], resource: str) -> None:
    """All statements in one policy, which has an index, and each in a policy of its own, which has none."""
    request = AccessRequest("s3:GetObject", resource, "1")
    text = json.dumps({"Version": "2012-10-17", "Statement": found})
    together = evaluate(Identity(ALICE.principal, (compile_policy(text, name="p", kind=PolicyKind.IDENTITY),)), request)
    apart = tuple(
        compile_policy(json.dumps({"Version": "2012-10-17", "Statement": each}), name=str(n), kind=PolicyKind.IDENTITY)
        for n, each in enumerate(found)
    )
    separate = evaluate(Identity(ALICE.principal, apart), request)
    assert together.outcome is separate.outcome
    assert [each.index for each in together.matched] == [int(each.policy) for each in separate.matched]


def test_a_policy_is_not_shown() -> None:
    text = '{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::secret-bucket"}}'
    shown = repr(compile_policy(text, name="own", kind=PolicyKind.IDENTITY))
    assert "own" in shown
    assert "secret-bucket" not in shown


USER = "arn:aws:iam::111122223333:user/a"
ROLE = "arn:aws:iam::111122223333:role/b"
TEXT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow", "Action": "*", "Resource": "*",
                "Principal": {"AWS": [USER, "111122223333", "AROAXXXXXXXXXXXXXXXXX"], "Service": "sns.amazonaws.com"},
                "Condition": {"ArnEquals": {"aws:PrincipalArn": USER}},
            },
            {"Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": {"AWS": ROLE}},
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*"},
        ],
    },
    indent=3,
)  # fmt: skip


def test_named_principals() -> None:
    assert named_principals(TEXT) == (USER, "AROAXXXXXXXXXXXXXXXXX", ROLE)


def test_principals_are_replaced_and_nothing_else() -> None:
    replaced = with_principals(TEXT, {USER: "AIDACKCEVSQ6C2EXAMPLE", ROLE: "AROACKCEVSQ6C2EXAMPLE"})
    first, second, third = json.loads(replaced)["Statement"]
    assert first["Principal"]["AWS"] == ["AIDACKCEVSQ6C2EXAMPLE", "111122223333", "AROAXXXXXXXXXXXXXXXXX"]
    assert first["Condition"] == {"ArnEquals": {"aws:PrincipalArn": USER}}
    assert second["NotPrincipal"] == {"AWS": "AROACKCEVSQ6C2EXAMPLE"}
    assert third["Principal"] == "*"
    back = with_principals(replaced, {"AIDACKCEVSQ6C2EXAMPLE": USER, "AROACKCEVSQ6C2EXAMPLE": ROLE})
    assert json.loads(back) == json.loads(TEXT)


@pytest.mark.parametrize("replacements", [{}, {"arn:aws:iam::111122223333:user/other": "AIDACKCEVSQ6C2EXAMPLE"}])
def test_an_untouched_policy_stays_to_the_byte(replacements: dict[str, str]) -> None:
    assert with_principals(TEXT, replacements) == TEXT
