"""Fixtures of the audit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.cloudtrail.trail import AuditStore


@pytest.fixture
def store(tmp_path: Path) -> AuditStore:
    """An empty store."""
    return AuditStore(tmp_path)
