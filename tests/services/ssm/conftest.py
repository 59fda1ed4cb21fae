"""Clients of a fresh account."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.testing import Account
from holdfast.testing.server import Server


@pytest.fixture
def ssm(holdfast: Account) -> Any:
    """A boto3 client of a fresh account."""
    return holdfast.client("ssm")


@pytest.fixture(scope="module")
def shared(holdfast_session_server: Server) -> Any:
    """A boto3 client of an account that a file's tests share, each using names of its own or changing nothing."""
    return holdfast_session_server.create_account().client("ssm")


@pytest.fixture
def kms(holdfast: Account) -> Any:
    """A boto3 client of the same account."""
    return holdfast.client("kms")
