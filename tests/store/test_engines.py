"""What the store promises, on SQLite and on PostgreSQL."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.services.holdfast.records import (
    INSERT_ACCOUNT,
    LIST_ACCOUNTS,
    READ_METADATA,
    WRITE_METADATA,
)
from holdfast.store.statements import Statement, prefix_range
from holdfast.work.due import CANCEL, DELIVERY, EFFECT, STORE, due_jobs, next_job, read_job, schedule

from .conftest import Engine

NAMES_IN = Statement("SELECT account FROM account WHERE account >= ? AND account < ? ORDER BY account LIMIT 1000")


def test_what_is_committed_is_there_and_what_is_rolled_back_is_not(engine: Engine) -> None:
    with engine.transaction() as tx:
        tx.run(WRITE_METADATA, "kept", b"1")
        outer = tx.savepoint()
        tx.run(WRITE_METADATA, "lost", b"2")
        inner = tx.savepoint()
        tx.run(WRITE_METADATA, "lost too", b"3")
        tx.release(inner)
        tx.savepoint()
        tx.run(WRITE_METADATA, "lost with a part left open", b"4")
        tx.rollback(outer)
        tx.run(WRITE_METADATA, "kept too", b"5")
    with engine.transaction() as tx:
        assert tx.one(READ_METADATA, "kept") == (b"1",)
        assert tx.one(READ_METADATA, "lost") is None
        assert tx.one(READ_METADATA, "lost too") is None
        assert tx.one(READ_METADATA, "lost with a part left open") is None
        assert tx.one(READ_METADATA, "kept too") == (b"5",)


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    with suppress(ZeroDivisionError), engine.transaction() as tx:
        tx.run(WRITE_METADATA, "lost", b"2")
        raise ZeroDivisionError
    with engine.transaction() as tx:
        assert tx.one(READ_METADATA, "lost") is None


def test_run_counts_rows(engine: Engine) -> None:
    with engine.transaction() as tx:
        assert tx.run(INSERT_ACCOUNT, "111111111111", 1) == 1
        assert tx.run(INSERT_ACCOUNT, "111111111111", 1) == 0


def test_a_job_scheduled_again_replaces_itself(engine: Engine) -> None:
    key = ("kms.delete-key", "1", "eu-west-1", "k")
    with engine.transaction() as tx:
        schedule(tx, key, 2000, None, "first")
        schedule(tx, key, 1000, {"a": 1}, "second")
        schedule(tx, ("kms.delete-key", "1", "eu-west-1", "later"), 1001, None, "third", EFFECT)
        job = next_job(tx)
        assert job is not None
        assert (job.key, job.due, job.payload, job.identity) == (key, 1000, {"a": 1}, "second")
        assert read_job(tx, key) == job
        tx.run(CANCEL, *key)
        after = next_job(tx)
        assert after is not None
        assert after.subject == "later"
        assert next_job(tx, [STORE]) is None


def test_jobs_of_an_account_are_passed_over(engine: Engine) -> None:
    with engine.transaction() as tx:
        for due, account in ((1, "1"), (2, "1"), (3, "2"), (9, "3")):
            schedule(tx, ("sns.deliver", account, "eu-west-1", str(due)), due, None, str(due), DELIVERY)
        schedule(tx, ("kms.delete-key", "1", "eu-west-1", "k"), 4, None, "key", STORE)
        job = next_job(tx, [STORE, DELIVERY], {DELIVERY: "1"})
        assert job is not None
        assert job.account == "2"
        job = next_job(tx, [STORE], {DELIVERY: "1"})
        assert job is not None
        assert job.subject == "k"
        assert [job.due for job in due_jobs(tx, DELIVERY, 5, 10)] == [1, 2, 3]
        assert [job.due for job in due_jobs(tx, DELIVERY, 5, 10, "1")] == [3]
        assert [job.due for job in due_jobs(tx, DELIVERY, 5, 1, "2")] == [1]


# No surrogates (not UTF-8) and no NUL, which the wire refuses.
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=6)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=st.sets(NAMES, max_size=12), prefix=NAMES)
def test_names_order_by_bytes_and_prefixes_are_ranges(engine: Engine, names: set[str], prefix: str) -> None:
    with suppress(InterruptedError), engine.transaction() as tx:
        for name in names:
            tx.run(INSERT_ACCOUNT, name, 0)
        in_order = sorted(names, key=lambda n: n.encode())
        assert [row[0] for row in tx.all(LIST_ACCOUNTS, "")] == in_order
        low, high = prefix_range(prefix)
        found = [row[0] for row in tx.all(NAMES_IN, low, high)]
        assert found == [n for n in in_order if n.startswith(prefix) and not n[len(prefix) :].startswith("\U0010ffff")]
        raise InterruptedError  # roll back: the next example wants an empty table
