"""Policies and requests written to burn time or memory: bounded, and the same answer as ever.

The bounds are several times what this machine takes, and far below what an exponential or quadratic way would.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from holdfast.access.document import MAXIMUM_LENGTH, SYNTAX, PolicyError
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import Identity
from holdfast.access.policy import REMEMBERED_ACTIONS, CompiledPolicy, PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.request import AccessRequest

ALICE = Principal(PrincipalKind.USER, "1", "arn:aws:iam::1:user/alice", "AIDA1")
Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Do it, in so much processor time at most."""
    start = time.process_time()
    result = work()
    spent = time.process_time() - start
    assert spent < seconds, f"{spent:.3f} s"
    return result


def policy(*statements: dict[str, Any]) -> CompiledPolicy:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
    return compile_policy(text, name="p", kind=PolicyKind.IDENTITY)


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **more}


def ask(
    compiled: CompiledPolicy, resource: str = "arn:aws:s3:::b", action: str = "s3:GetObject", **context: Any
) -> bool:
    request = AccessRequest(action, resource, "1", {f"x:{key}": value for key, value in context.items()})
    return evaluate(Identity(ALICE, (compiled,)), request).allowed


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"Statement":[{"Condition":{"a":{"b:c":['])
def test_deep_nesting(opening: str) -> None:
    with pytest.raises(PolicyError, match=SYNTAX):
        within(2, lambda: compile_policy(opening * 20_000, name="p", kind=PolicyKind.IDENTITY))


def test_deep_nesting_far_down_the_stack() -> None:
    def sink(depth: int) -> str:
        if depth:
            return sink(depth - 1)
        with pytest.raises(PolicyError) as refused:
            compile_policy("[" * 20_000, name="p", kind=PolicyKind.IDENTITY)
        return refused.value.message

    assert sink(sys.getrecursionlimit() // 2) == SYNTAX


def test_a_huge_document_is_not_even_parsed() -> None:
    text = "[" * 50_000_000
    with pytest.raises(PolicyError, match=SYNTAX):
        within(0.2, lambda: compile_policy(text, name="p", kind=PolicyKind.IDENTITY))


def test_huge_numbers() -> None:
    with pytest.raises(PolicyError):
        within(1, lambda: policy(allow(Condition={"NumericEquals": {"x:y": int("9" * 4000)}})))
    text = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"x:y":%s}}}}'
    within(1, lambda: compile_policy(text % ("9" * 100_000), name="p", kind=PolicyKind.IDENTITY))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 3000 + "*b", "a" * 2048),
        ("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "a" * 2048),
        ("*?a" * 2000 + "b", "a" * 2048),
        ("?" * 3000 + "*", "a" * 2048),
        ("*" * 6000, "a" * 2048),
        ("*" + "a" * 1000 + "?b*", "a" * 2048),
        ("*" + "a?" * 1000 + "b*", "a" * 2048),
        ("*ab" * 2000, "ab" * 1999 + "a"),
    ],
)
def test_catastrophic_wildcards(pattern: str, text: str) -> None:
    everything = pattern == "*" * 6000
    resource = policy(allow(Resource=f"arn:aws:s3:::{pattern}"))
    assert within(2, lambda: ask(resource, f"arn:aws:s3:::{text}")) is everything
    condition = policy(allow(Condition={"StringLike": {"x:y": pattern}}))
    assert within(2, lambda: ask(condition, y=text)) is everything
    action = policy(allow(Action=f"s3:{pattern}"))
    assert within(2, lambda: ask(action, action=f"s3:{text}")) is everything


def test_catastrophic_variables() -> None:
    pattern = "arn:aws:s3:::" + "*${aws:username}?" * 800
    compiled = policy(allow(Resource=pattern))
    assert not within(2, lambda: ask(compiled, "arn:aws:s3:::" + "alice" * 400))
    unfinished = policy(allow(Condition={"StringEquals": {"x:y": "${" * 20_000}}))
    assert within(2, lambda: ask(unfinished, y="${" * 20_000))
    within(2, lambda: policy(allow(Condition={"StringLike": {"x:y": "${a " + " " * 60_000}})))


def test_thousands_of_statements() -> None:
    room = MAXIMUM_LENGTH - 100
    one = json.dumps(allow(Resource="arn:aws:s3:::b*"), separators=(",", ":"))
    count = room // (len(one) + 1)
    compiled = within(2, lambda: policy(*(allow(Resource="arn:aws:s3:::b*") for _ in range(count))))
    assert len(compiled.statements) == count > 1_500
    decision = within(
        1, lambda: evaluate(Identity(ALICE, (compiled,)), AccessRequest("s3:GetObject", "arn:aws:s3:::b", "1"))
    )
    assert len(decision.matched) == count


def test_thousands_of_values_against_many() -> None:
    values = [f"*{n}?x" for n in range(9_000)]
    compiled = within(2, lambda: policy(allow(Condition={"ForAllValues:StringLike": {"x:y": values}})))
    assert not within(1, lambda: ask(compiled, y=[f"value {n}" for n in range(50)]))
    exact = within(
        1, lambda: policy(allow(Condition={"ForAllValues:StringEquals": {"x:y": [f"{n}" for n in range(9_000)]}}))
    )
    assert within(0.5, lambda: ask(exact, y=[f"{n}" for n in range(5_000)]))


def test_long_values_of_a_request() -> None:
    compiled = policy(
        allow(Condition={"NumericLessThan": {"x:y": "5"}}), allow(Condition={"DateLessThan": {"x:y": "2026-01-01"}}),
        allow(Condition={"IpAddress": {"x:y": "10.0.0.0/8"}}), allow(Condition={"BinaryEquals": {"x:y": "AAAA"}}),
        allow(Condition={"ArnLike": {"x:y": "arn:aws:s3:::*"}}),
    )  # fmt: skip
    for value in ("9" * 1_000_000, ":" * 1_000_000, "1e" + "9" * 100_000):
        assert not within(2, lambda value=value: ask(compiled, y=value))


def test_invented_actions_do_not_fill_the_memory() -> None:
    compiled = policy(allow(Action="s3:Get*"))
    for n in range(REMEMBERED_ACTIONS * 3):
        assert ask(compiled, action=f"s3:Get{n}")
    assert len(compiled._selected) <= REMEMBERED_ACTIONS
