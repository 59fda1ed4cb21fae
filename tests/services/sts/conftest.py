"""Clients of temporary credentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from holdfast.testing import Account

Session = Callable[..., Any]
"""`session(credentials, service, account=…)`: a boto3 client that signs with temporary credentials."""


def session_client(account: Account, credentials: dict[str, Any], service: str, region: str | None = None) -> Any:
    """A boto3 client for what an operation of STS answered under `Credentials`."""
    from boto3.session import Session as BotoSession

    create: Any = BotoSession().client
    return create(
        service,
        region_name=region or account.region,
        endpoint_url=account.endpoint_url,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )


@pytest.fixture
def session() -> Iterator[Session]:
    made: list[Any] = []

    def make(account: Account, credentials: dict[str, Any], service: str, region: str | None = None) -> Any:
        made.append(session_client(account, credentials, service, region))
        return made[-1]

    yield make
    for client in made:
        client.close()


def allow(*actions: str, resource: str | list[str] = "*", **more: Any) -> str:
    """An identity policy of one statement."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal: Any, *actions: str, **more: Any) -> str:
    """A trust policy of one statement; `sts:AssumeRole` unless actions are named."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": list(actions or ("sts:AssumeRole",)), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def new_user(account: Account, name: str, policy: str = "") -> dict[str, Any]:
    """A user with one inline policy; its credentials."""
    iam = account.client("iam")
    iam.create_user(UserName=name)
    if policy:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
    return iam.create_access_key(UserName=name)["AccessKey"]


def new_role(account: Account, name: str, trusted: str, policy: str = "", **options: Any) -> str:
    """A role with one inline policy; its ARN."""
    iam = account.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, **options)["Role"]["Arn"]
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    return arn


def user_arn(account: Account, name: str) -> str:
    return f"arn:aws:iam::{account.account}:user/{name}"


def root_arn(account: Account) -> str:
    return f"arn:aws:iam::{account.account}:root"
