"""The pytest plugin; see `holdfast.testing`. It imports nothing heavy until a fixture is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from holdfast.testing.server import Account, Server


@pytest.fixture(scope="session")
def holdfast_session_server() -> Iterator[Server]:
    """One server for the whole session."""
    from holdfast.testing.server import Server

    with Server() as server:
        yield server


@pytest.fixture
def holdfast(holdfast_session_server: Server) -> Iterator[Account]:
    """A fresh account on the session's server."""
    account = holdfast_session_server.create_account()
    yield account
    account.close()


@pytest.fixture
def holdfast_server() -> Iterator[Server]:
    """A server of this test's own, with a movable clock."""
    from holdfast.testing.server import Server

    with Server() as server:
        yield server
