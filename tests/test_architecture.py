"""The arrows between the rooms (ARCHITECTURE.md) and the laws that an import or a call can break."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "holdfast"
FILES = sorted(p for p in SOURCE.rglob("*.py"))

MAY_IMPORT = {
    "api": {"api"},
    "wire": {"api", "wire"},
    "access": {"access"},
    "store": {"store"},
    "vault": {"vault"},
    "functions": {"functions", "wire"},
    "work": {"work", "store", "vault"},
    "rotation": {"rotation"},
    "services": {"api", "access", "rotation", "store", "vault", "work", "services"},
}


def _room(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_arrows_point_one_way(path: Path) -> None:
    allowed = MAY_IMPORT.get(_room(path))
    if allowed is None:
        return
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "holdfast" and len(parts) > 1 and (SOURCE / parts[1]).is_dir():
            assert parts[1] in allowed, f"{name} is not for the room {_room(path)}"


@pytest.mark.parametrize("path", [p for p in FILES if _room(p) == "services"], ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_service_imports_no_other_service(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[1]
    # The accounts and the control protocol are the platform's; calls are typed by them.
    shared = {
        "call",
        "service",
        "arn",
        "paging",
        "principals",
        "outside",
        "functions",
        "emitted",
        "matching",
        "outbox",
        "stored_tags",
        "named_principals",
        own.removesuffix(".py"),
    }
    for name in _imports(path):
        parts = name.split(".")
        if parts[:2] == ["holdfast", "services"] and len(parts) > 2:
            if own == "call.py" and parts[2] == "holdfast":
                continue
            assert parts[2] in shared, f"{name} reaches into another service"


FORBIDDEN = {
    "time.time", "time.time_ns", "time.monotonic", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "os.urandom", "uuid.uuid4", "uuid.uuid1", "random.random", "secrets.token_bytes", "secrets.token_hex",
}  # fmt: skip
MAY_ASK = {"work/clock.py", "vault/randomness.py"}
OUTSIDE_THE_SERVER = {"cli", "testing"}
"""Programs of their own: a client signs with its own clock."""


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_time_and_randomness_are_arguments(path: Path) -> None:
    if str(path.relative_to(SOURCE)) in MAY_ASK or _room(path) in OUTSIDE_THE_SERVER:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in FORBIDDEN, f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "random", "secrets", "uuid"}:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            assert not names & FORBIDDEN, f"line {node.lineno}: {names & FORBIDDEN}"


def test_heavy_imports_stay_off_the_serving_path() -> None:
    """botocore, boto3, SQLAlchemy, database drivers, structlog and others are imported where they are used, if ever."""
    heavy = (
        "boto3",
        "botocore",
        "sqlalchemy",
        "alembic",
        "psycopg",
        "pymongo",
        "pymysql",
        "structlog",
        "prometheus_client",
        "rich",
        "pytest",
    )
    for path in FILES:
        if _room(path) in {"cli", "testing", "api"} or path.parent.name == "drivers":  # these run inside functions
            continue
        tree = ast.parse(path.read_text())
        for node in tree.body:
            names = (
                [node.module or ""] if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else []
            )  # fmt: skip
            for name in names:
                assert name.split(".")[0] not in heavy, f"{path.relative_to(SOURCE)} imports {name} at start-up"
