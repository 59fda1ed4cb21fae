"""No query of IAM reads a table from end to end, so that none costs more in a large account."""

from __future__ import annotations

import pytest

from holdfast.services.iam import account_records, policy_records, records
from holdfast.store.statements import Statement

from .conftest import House

QUERIES = {
    name: statement
    for module in (records, policy_records, account_records)
    for name, statement in vars(module).items()
    if isinstance(statement, Statement) and statement.text.startswith(("SELECT", "UPDATE", "DELETE"))
}


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_uses_an_index(house: House, name: str) -> None:
    text = QUERIES[name].text
    steps = [row[3] for row in house.rows(f"EXPLAIN QUERY PLAN {text}", *["x"] * text.count("?"))]
    assert steps
    assert not any(step.startswith("SCAN") for step in steps), steps
    # What belongs to an account as a whole is small, or read in the order of a name.
    assert (
        not any(step.endswith("(account=?)") for step in steps)
        or name in {"LIST_COUNTS", "LIST_PROVIDERS"}
        or (len(steps) == 1 and "account" in text)
    ), steps
