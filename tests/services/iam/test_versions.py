"""Every write tells that what was derived from the account's IAM is old, and nothing else does."""

from __future__ import annotations

import pytest

from holdfast.api import iam as api
from holdfast.services.iam.service import SERVICE
from holdfast.services.service import Mode

from .conftest import House
from .documents import READ

READS = ("Get", "List", "Simulate")


def test_what_reads_and_what_writes() -> None:
    for name, served in SERVICE.operations.items():
        # Nobody has a login profile, so there is none to delete.
        reads = name.startswith(READS) or name == "DeleteLoginProfile"
        assert served.mode is (Mode.READ if reads else Mode.WRITE), name


def test_each_write_counts_and_no_read_does(house: House) -> None:
    assert house.version() == 0
    house.call(api.CreateUser, api.CreateUserRequest(UserName="alice"))
    assert house.version() == 1
    house.call(api.ListUsers, api.ListUsersRequest())
    house.call(api.GetUser, api.GetUserRequest(UserName="alice"))
    assert house.version() == 1
    request = api.PutUserPolicyRequest(UserName="alice", PolicyName="p", PolicyDocument=READ)
    house.call(api.PutUserPolicy, request)
    house.call(api.PutUserPolicy, request)
    assert house.version() == 3


def test_what_fails_changes_nothing(house: House) -> None:
    with pytest.raises(api.NoSuchEntityException):
        house.call(api.DeleteUser, api.DeleteUserRequest(UserName="nobody"))
    assert house.version() == 0


def test_the_invariants_are_in_the_schema_too(house: House) -> None:
    house.call(
        api.CreateUser,
        api.CreateUserRequest(UserName="alice", PermissionsBoundary="arn:aws:iam::aws:policy/AWSDenyAll"),
    )
    user_id = house.rows("SELECT user_id FROM iam_user")[0][0]
    with pytest.raises(Exception, match="UNIQUE"), house.transaction(writable=True) as tx:
        tx.execute(
            "INSERT INTO iam_attachment VALUES ('123456789012', ?, 'boundary', 'arn:aws:iam::aws:policy/IAMFullAccess')",
            (user_id,),
        )
    with pytest.raises(Exception, match="UNIQUE"), house.transaction(writable=True) as tx:
        tx.execute("INSERT INTO iam_user VALUES ('123456789012', 'alice', 'ALICE', 'AIDAX', '/', 0, '{}')")
    with pytest.raises(Exception, match="CHECK"), house.transaction(writable=True) as tx:
        tx.execute("UPDATE iam_policy_use SET boundaries = -1")
