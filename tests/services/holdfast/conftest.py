"""Accounts with people in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from holdfast.testing import Account, Server
from tests.services.holdfast.people import People


@pytest.fixture(scope="module")
def account(holdfast_session_server: Server) -> Account:
    """One account for a module's tests; each uses names of its own."""
    return holdfast_session_server.create_account()


@pytest.fixture(scope="module")
def other_account(holdfast_session_server: Server) -> Account:
    return holdfast_session_server.create_account()


@pytest.fixture
def people(account: Account) -> Iterator[People]:
    with ExitStack() as stack:
        yield People(account, stack)


@pytest.fixture
def strangers(other_account: Account) -> Iterator[People]:
    """People of another account."""
    with ExitStack() as stack:
        yield People(other_account, stack)


@pytest.fixture
def fresh(holdfast_session_server: Server) -> Iterator[People]:
    """People of an account in which there is nobody else."""
    with ExitStack() as stack:
        yield People(holdfast_session_server.create_account(), stack)
