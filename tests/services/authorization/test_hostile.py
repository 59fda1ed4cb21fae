"""Hostile policies through the operations that take them: PutUserPolicy, PutResourcePolicy, PutKeyPolicy, AssumeRole.

Time is not measured, steps are: how many functions ran, Python's and C's. The work of each operation may grow with the
length of what it is given, and no faster; what is refused is refused in the service's own words.

`tests/access/test_hostile.py` has more documents, put to the engine itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from holdfast.access.grounds import Identity
from holdfast.access.policy import PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.api.base import ServiceError

from .house import ACCOUNT, CALLER, House

SMALL, LARGE = 100, 800
"""How often the hostile part is repeated; the larger document still fits into every policy."""
GROWTH = 1.5
"""Steps may grow by this much more than the documents do: sorting, and tables that double."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "store.db")
    yield made
    made.database.close()


def steps(work: Callable[[], Any]) -> int:
    """How many functions ran; a ServiceError is an answer, too."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    except ServiceError:
        pass
    finally:
        sys.setprofile(None)
    return count


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


DOCUMENTS: dict[str, Callable[[int], dict[str, Any] | str]] = {
    "nested lists": lambda n: "[" * n,
    "nested objects": lambda n: '{"a":' * n,
    "nested values": lambda n: '{"Version":"2012-10-17","Statement":' + "[" * n + "]" * n + "}",
    "nested in a statement": lambda n: (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":' + "[" * n + "]" * n + "}}"
    ),
    "stars": lambda n: {"Resource": "arn:aws:s3:::" + "*a" * n + "b"},
    "stars and question marks": lambda n: {"Resource": "arn:aws:s3:::" + "*?a" * n + "b"},
    "variables": lambda n: {"Resource": "arn:aws:s3:::" + "*${aws:username}?" * (n // 8)},
    "unfinished variables": lambda n: {"Resource": "arn:aws:s3:::" + "${" * n},
    "many resources": lambda n: {"Resource": [f"arn:aws:s3:::*{number}*" for number in range(n // 10)]},
    "stars in conditions": lambda n: {"Resource": "*", "Condition": {"StringLike": {"aws:username": "*a" * n + "b"}}},
    "many operators": lambda n: {
        "Resource": "*",
        "Condition": {"ForAllValues:StringLike": {f"aws:RequestTag/{number}": "*a*" for number in range(n // 20)}},
    },
    "a long number": lambda n: {"Resource": "*", "Condition": {"StringEquals": {"aws:EpochTime": int("9" * n)}}},
}


def _puts(house: House) -> dict[str, Callable[[dict[str, Any] | str], Any]]:
    """Each operation that takes a policy, for a document of any kind."""
    secret = house.call("secretsmanager", "CreateSecret", Name="app/db", SecretString="x", ClientRequestToken="a" * 32)
    key = house.call("kms", "CreateKey").KeyMetadata.KeyId
    trust = _document(Principal={"AWS": CALLER}, Action="sts:AssumeRole")
    role = house.call("iam", "CreateRole", RoleName="app", AssumeRolePolicyDocument=trust).Role.Arn

    def own(document: dict[str, Any] | str) -> str:
        return document if isinstance(document, str) else _document(Action="*", **document)

    def of_resource(document: dict[str, Any] | str) -> str:
        return document if isinstance(document, str) else _document(Principal={"AWS": CALLER}, Action="*", **document)

    return {
        "PutUserPolicy": lambda document: house.call(
            "iam", "PutUserPolicy", UserName="caller", PolicyName="own", PolicyDocument=own(document)
        ),
        "CreatePolicy": lambda document: house.call(
            "iam", "CreatePolicy", PolicyName=f"p{len(own(document))}", PolicyDocument=own(document)
        ),
        "PutResourcePolicy": lambda document: house.call(
            "secretsmanager", "PutResourcePolicy", SecretId=secret.ARN, ResourcePolicy=of_resource(document)
        ),
        "PutKeyPolicy": lambda document: house.call(
            "kms", "PutKeyPolicy", KeyId=key, Policy=of_resource(document), BypassPolicyLockoutSafetyCheck=True
        ),
        "AssumeRole": lambda document: house.call(
            "sts", "AssumeRole", RoleArn=role, RoleSessionName="session", Policy=own(document)
        ),
    }


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_the_work_grows_with_the_document(house: House, kind: str) -> None:
    make = DOCUMENTS[kind]
    for name, put in _puts(house).items():
        steps(lambda put=put: put(make(SMALL // 2)))  # imports, and what is made once
        small, large = (steps(lambda put=put, n=n: put(make(n))) for n in (SMALL, LARGE))
        assert large < small * LARGE / SMALL * GROWTH, (name, small, large)


@pytest.mark.parametrize("kind", [kind for kind, make in DOCUMENTS.items() if isinstance(make(SMALL), dict)])
def test_the_work_of_a_call_grows_with_its_policies(house: House, kind: str) -> None:
    """A caller with hostile policies who asks for what they nearly match."""
    arn = f"arn:aws:iam::{ACCOUNT}:user/" + "a" * 64
    principal = Principal(PrincipalKind.USER, ACCOUNT, arn, "AIDACKCEVSQ6C2EXAMPLE", "AKIAIOSFODNN7EXAMPLE")
    taken: list[int] = []
    for n in (SMALL // 2, SMALL, LARGE):
        document = DOCUMENTS[kind](n)
        assert isinstance(document, dict)
        compiled = compile_policy(_document(Action="*", **document), name="own", kind=PolicyKind.IDENTITY)
        house.identity = Identity(principal, (compiled,))
        taken.append(steps(lambda: house.call("secretsmanager", "GetSecretValue", SecretId="a" * 500)))
    assert taken[2] < taken[1] * LARGE / SMALL * GROWTH, taken


def test_a_value_that_no_condition_can_have(house: House) -> None:
    document = {"Resource": "*", "Condition": {"NumericEquals": {"aws:EpochTime": "9" * 1000}}}
    for name, put in _puts(house).items():
        with pytest.raises(ServiceError, match=r"^(The policy failed legacy parsing|Policy contains a.*)$") as caught:
            put(document)
        assert "Malformed" in caught.value.code, name


@pytest.mark.parametrize("depth", [10, 300, 900, 5_000])
def test_nesting_is_refused_at_every_depth(house: House, depth: int) -> None:
    for name, put in _puts(house).items():
        for document in ("[" * depth, DOCUMENTS["nested values"](depth), DOCUMENTS["nested in a statement"](depth)):
            with pytest.raises(ServiceError) as caught:
                put(document)
            too_long = "length less than or equal to" in str(caught.value)
            assert "MalformedPolicyDocument" in caught.value.code or too_long, name
