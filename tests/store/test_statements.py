"""Every statement of the product runs on both engines."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import holdfast
from holdfast.store.statements import Statement

from .conftest import OnSqlite


def _all_statements() -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if module.name.rsplit(".", 1)[-1] in {"__main__", "plugin"} or ".api." in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            values: list[Any] = list(value.values()) if isinstance(value, dict) else [value]
            for index, item in enumerate(values):
                if isinstance(item, Statement):
                    found[f"{module.name}.{name}[{index}]"] = item
    return found


STATEMENTS = _all_statements()


def test_there_are_statements() -> None:
    assert len(STATEMENTS) > 20


def test_each_prepares_on_postgresql(postgresql_schema: psycopg.Connection[Any]) -> None:
    """PREPARE parses, resolves every name and infers every parameter's type."""
    wrong: list[str] = []
    for name, statement in STATEMENTS.items():
        text = statement.postgresql
        count = text.replace("%%", "").count("%s")
        for number in range(1, count + 1):
            text = text.replace("%s", f"${number}", 1)
        try:
            with postgresql_schema.transaction():
                postgresql_schema.execute(f"PREPARE checked AS {text.replace('%%', '%')}".encode())
        except psycopg.Error as error:
            wrong.append(f"{name}: {error}")
        finally:
            postgresql_schema.execute("DEALLOCATE ALL")
    assert not wrong, "\n".join(wrong)


def test_each_prepares_on_sqlite(tmp_path: Path) -> None:
    engine = OnSqlite(tmp_path / "store.db")
    try:
        for name, statement in STATEMENTS.items():
            try:
                engine.database.reading.execute(
                    f"EXPLAIN {statement.text}", (None,) * statement.text.count("?")
                ).fetchall()
            except Exception as error:  # noqa: BLE001
                pytest.fail(f"{name}: {error}")
    finally:
        engine.database.close()


@given(st.text(alphabet="ab?%' ", max_size=30))
def test_marks_inside_literals_stay(text: str) -> None:
    if text.count("'") % 2:
        return
    parts = text.split("'")
    converted = Statement(text).postgresql
    outside = "".join(" ".join(text.split()).split("'")[::2])
    assert converted.count("%s") == outside.count("?")
    assert len(parts) % 2 == 1
