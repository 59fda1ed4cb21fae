"""Explanations: putting the statement where it is said to belong lets the check pass."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access.decision import Decision, MatchedStatement, Outcome
from holdfast.access.explain import Gap, decisive_gap, gaps_of
from holdfast.access.grounds import Identity
from holdfast.access.principal import Principal, PrincipalKind, operator_of
from tests.access.scenes import Scene, engine_decision, identity_of, make_scene

PLACES = {
    "permissions-boundary": "boundary",
    "session-policy": "session_policies",
    "identity-policy": "identity_policies",
}


def put(scene: Scene, gap: Gap) -> None:
    """The gap's statement, in a policy of its own or of the resource."""
    added = {"name": "added", "document": {"Version": "2012-10-17", "Statement": [gap.statement]}}
    place = PLACES.get(gap.where, "resource_policy")
    if place == "boundary" or (place == "resource_policy" and scene[place]):
        # There is one only: the statement joins the others. In the current version, which it may need.
        document = scene[place]["document"]
        found = document["Statement"]
        document["Statement"] = [*(found if isinstance(found, list) else [found]), gap.statement]
    elif place == "resource_policy":
        scene[place] = added
    else:
        scene[place] = [*(scene[place] or []), added]


def check(scene: Scene) -> str:
    decision = engine_decision(scene)
    gaps = gaps_of(decision, identity_of(scene))
    assert (decisive_gap(decision, identity_of(scene)) is None) is decision.allowed
    if decision.outcome is not Outcome.IMPLICIT_DENY:
        return decision.outcome
    assert gaps[0].where == decision.missing
    changed = deepcopy(scene)
    for position, gap in enumerate(gaps):
        before = engine_decision(changed)
        assert not before.allowed
        assert before.gaps == tuple(each.where for each in gaps[position:])
        assert gap.statement is not None
        put(changed, gap)
    after = engine_decision(changed)
    assert after.allowed, (scene, gaps, after)
    # The smallest statement: about this action and this resource.
    for gap in gaps:
        assert gap.statement is not None
        assert gap.statement["Action"] == scene["action"]
        assert gap.statement.get("Resource", "*") in ("*", scene["resource"])
    return f"{len(gaps)} gaps"


def test_closing_gaps() -> None:
    random = Random(20_260_104)
    seen = {check(make_scene(random)) for _ in range(1_500)}
    assert {"allow", "explicit-deny", "1 gaps", "2 gaps"} <= seen


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_closing_gaps_that_can_shrink(random: Random) -> None:
    check(make_scene(random))


def test_removing_what_denies() -> None:
    """Without the statements that an explanation names, no explicit deny is left."""
    random = Random(20_260_105)
    removed = 0
    while removed < 40:
        scene = make_scene(random)
        decision = engine_decision(scene)
        if decision.outcome is not Outcome.EXPLICIT_DENY:
            continue
        gaps = gaps_of(decision, identity_of(scene))
        assert gaps[0].where == decision.missing
        assert all(gap.statement is None and gap.remove is not None for gap in gaps)
        taken = {(gap.remove.policy, gap.remove.index) for gap in gaps if gap.remove}
        for policy in _policies(scene):
            found = policy["document"]["Statement"]
            statements = found if isinstance(found, list) else [found]
            policy["document"]["Statement"] = [
                {**each, "Effect": "Allow", "Condition": {"Bool": {"aws:Nothing": "true"}}}
                if (policy["name"], index) in taken
                else each
                for index, each in enumerate(statements)
            ]
            for each in policy["document"]["Statement"]:
                if "NotPrincipal" in each and each["Effect"] == "Allow":
                    each["Principal"] = each.pop("NotPrincipal")
        assert engine_decision(scene).outcome is not Outcome.EXPLICIT_DENY
        removed += 1


def _policies(scene: Scene) -> list[dict[str, Any]]:
    found = [
        *scene["identity_policies"],
        *(scene["session_policies"] or []),
        scene["boundary"],
        scene["resource_policy"],
    ]
    return [each for each in found if each]


ALICE = Principal(PrincipalKind.USER, "1", "arn:aws:iam::1:user/alice", "AIDA1")


def statement_for(
    resource: str, where: str = "identity-policy", action: str = "ssm:GetParameter"
) -> dict[str, Any] | None:
    decision = Decision(Outcome.IMPLICIT_DENY, action, resource, ALICE.arn, missing=where, gaps=(where,))
    gap = decisive_gap(decision, Identity(ALICE))
    assert gap is not None
    return gap.statement


def test_a_new_secret_gets_another_arn_with_each_attempt() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:1:secret:prod/$-"
    for action in ("secretsmanager:CreateSecret", "secretsmanager:TagResource"):
        statement = statement_for(f"{arn}AbCdEf", action=action)
        assert statement == {"Effect": "Allow", "Action": action, "Resource": f"{arn.replace('$', '${$}')}??????"}
    there = statement_for(f"{arn}AbCdEf", action="secretsmanager:GetSecretValue")
    assert there is not None
    assert there["Resource"] == f"{arn.replace('$', '${$}')}AbCdEf"


def test_statements() -> None:
    arn = "arn:aws:ssm:eu-west-1:1:parameter/x"
    assert statement_for(arn) == {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": arn}
    # What the caller named is no ARN: only `*` matches it.
    assert statement_for("prod/db") == {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}
    # Wildcards in a name stand for themselves.
    escaped = statement_for("arn:aws:ssm:eu-west-1:1:parameter/a*?${b}")
    assert escaped is not None
    assert escaped["Resource"] == "arn:aws:ssm:eu-west-1:1:parameter/a${*}${?}${$}{b}"
    assert statement_for(arn, "trust-policy") == {
        "Effect": "Allow", "Principal": {"AWS": ALICE.arn}, "Action": "ssm:GetParameter",
    }  # fmt: skip
    assert statement_for(arn, "resource-policy") == {
        "Effect": "Allow", "Principal": {"AWS": ALICE.arn}, "Action": "ssm:GetParameter", "Resource": arn,
    }  # fmt: skip
    assert statement_for(arn, "key-policy") == {
        "Effect": "Allow", "Principal": {"AWS": ALICE.arn}, "Action": "ssm:GetParameter", "Resource": "*",
    }  # fmt: skip


def test_as_json() -> None:
    assert Gap("key-policy", {"Effect": "Allow"}).as_json() == {"where": "key-policy", "statement": {"Effect": "Allow"}}
    denies = MatchedStatement("arn:aws:iam::1:policy/p", "No", 2, "Deny")
    assert Gap("identity-policy", None, denies).as_json() == {
        "where": "identity-policy", "remove": {"policy": "arn:aws:iam::1:policy/p", "sid": "No", "index": 2},
    }  # fmt: skip


def test_nothing_helps_the_operator() -> None:
    operator = Identity(operator_of("1"))
    decision = Decision(
        Outcome.IMPLICIT_DENY, "ssm:GetParameter", "*", operator.principal.arn, missing="identity-policy"
    )
    assert [gap.as_json() for gap in gaps_of(decision, operator)] == [{"where": "identity-policy"}]
