"""Compiled rule sets: found by source and detail type without leaving one out, kept under their version, bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.events import records
from holdfast.services.events.names import BusAt
from holdfast.services.events.records import ENABLED, ENABLED_WITH_READS, Rule
from holdfast.services.events.rule_sets import RuleSets, compile_rules
from holdfast.services.matching.patterns import parse_pattern
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction

BUS = BusAt("123456789012", "us-east-1", "default")
TEXTS = st.sampled_from(["a", "b", "c", ""])
LEAF = st.lists(
    TEXTS | st.just({"prefix": "a"}) | st.just({"anything-but": "b"}) | st.just(None), min_size=1, max_size=3
)
PATTERNS = st.fixed_dictionaries(
    {"region": st.just(["r"])},
    optional={"source": LEAF, "detail-type": LEAF, "$or": st.just([{"source": ["c"]}, {"source": ["a"]}])},
)


@given(st.lists(PATTERNS, max_size=6), TEXTS, TEXTS)
def test_no_rule_is_left_out_and_none_comes_twice(
    patterns: list[dict[str, Any]], source: str, detail_type: str
) -> None:
    event = {"source": source, "detail-type": detail_type, "region": "r"}
    texts = [json.dumps(pattern) for pattern in patterns]
    rules = compile_rules([(str(n), text, ENABLED, "t") for n, text in enumerate(texts)])
    found = [rule.name for rule in rules.matching(event, read_only=False)]
    expected = [str(n) for n, text in enumerate(texts) if parse_pattern(text).matches(event)]
    assert sorted(found) == sorted(expected)


def test_calls_that_only_read_are_for_rules_that_say_so() -> None:
    pattern = '{"source": ["a"]}'
    rules = compile_rules([("plain", pattern, ENABLED, "t"), ("reads", pattern, ENABLED_WITH_READS, "t")])
    event = {"source": "a", "detail-type": "x"}
    assert {rule.name for rule in rules.matching(event, read_only=False)} == {"plain", "reads"}
    assert {rule.name for rule in rules.matching(event, read_only=True)} == {"reads"}


def test_a_bus_with_many_rules_stays_fast() -> None:
    """Ten thousand rules of other sources cost an event nothing."""
    rows = [
        (str(n), json.dumps({"source": [f"s{n}"], "detail": {"a": [{"prefix": "x"}]}}), ENABLED, "t")
        for n in range(10_000)
    ]
    many, few = compile_rules(rows), compile_rules(rows[:1])
    event = {"source": "s0", "detail-type": "x", "detail": {"a": "xy"}}

    def cost(rules: Any) -> float:
        best = 1.0
        for _ in range(20):
            began = time.perf_counter()
            for _ in range(200):
                assert len(list(rules.matching(event, read_only=False))) == 1
            best = min(best, time.perf_counter() - began)
        return best

    assert cost(many) < 5 * cost(few)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[SqliteTransaction]:
    database = SqliteDatabase(tmp_path / "store.db", synchronous="OFF")
    transaction = SqliteTransaction(database.writing, writable=True)
    transaction.execute("BEGIN")
    migrate(transaction, database.execute)
    yield transaction
    transaction.execute("ROLLBACK")
    database.close()


def add(tx: SqliteTransaction, bus: str, *names: str) -> BusAt:
    where = BUS._replace(name=bus)
    for name in names:
        tx.run(records.WRITE_RULE, *Rule(*where, name, '{"source": ["a"]}', "", ENABLED, "", "", "", "", 0))
        tx.run(records.WRITE_TARGET, *where, name, "t", "arn", "{}")
    return where


def test_sets_are_kept_under_their_version_within_bounds(tx: SqliteTransaction) -> None:
    kept = RuleSets(most=8)
    one = add(tx, "one", "a", "b")
    first = kept.of(tx, one, "v1")
    assert first.size == 2
    assert kept.of(tx, one, "v1") is first
    add(tx, "one", "c")
    assert kept.of(tx, one, "v2").size == 3
    two = add(tx, "two", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
    assert kept.of(tx, two, "v3").size == 10
    # One that is larger than all room is kept alone, and goes with the next.
    assert len(kept) == 1
    kept.of(tx, one, "v2")
    assert len(kept) == 1
    assert kept.of(tx, one, "v1") is not first
