"""Users, roles and policies for tests about explanations, and the statement of a gap put where it belongs."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from holdfast.testing import Account
from tests.raw_client import RawClient
from tests.services.sts.conftest import allow, new_role, new_user, session_client, trust

__all__ = ["People", "allow", "denied", "new_name", "trust"]

_numbers = itertools.count()


def new_name(stem: str) -> str:
    """A name that no other test uses."""
    return f"{stem}-{next(_numbers)}"


def denied(call: Any, **members: Any) -> str:
    """Make a call that is refused; its request id."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"].startswith("AccessDenied"), caught.value
    return caught.value.response["ResponseMetadata"]["RequestId"]


def reads(client: Any, secret: str) -> str:
    """Read a secret: empty when it was let through, else the request id."""
    try:
        client.get_secret_value(SecretId=secret)
    except client.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "AccessDeniedException":
            raise
        return error.response["ResponseMetadata"]["RequestId"]
    return ""


class People:
    """Whoever calls in a test, with clients that are closed at its end."""

    def __init__(self, account: Account, stack: ExitStack) -> None:
        self.account = account
        self.iam = account.client("iam")
        self.secrets = account.client("secretsmanager")
        self.keys = account.client("kms")
        self._stack = stack

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:iam::{self.account.account}:{kind}/{name}"

    def user(self, policy: str = "", name: str = "") -> tuple[str, dict[str, Any]]:
        """A user and its credentials."""
        name = name or new_name("user")
        return name, new_user(self.account, name, policy)

    def role(self, trusted: str, policy: str = "", **options: Any) -> str:
        """A role's ARN."""
        return new_role(self.account, new_name("role"), trusted, policy, **options)

    def client(self, credentials: dict[str, Any], service: str) -> Any:
        """A boto3 client for a user's or a session's credentials."""
        made = session_client(self.account, credentials, service)
        self._stack.callback(made.close)
        return made

    def ask(self, credentials: dict[str, Any] | None, operation: str, **members: Any) -> Any:
        """One of our own operations, signed; by the account's root user without credentials."""
        key, secret = self.account.access_key_id, self.account.secret_access_key
        if credentials is not None:
            key, secret = credentials["AccessKeyId"], credentials["SecretAccessKey"]
        client = RawClient(self.account.endpoint_url, key, secret, self.account.region)
        self._stack.callback(client.close)
        return client.call("holdfast", operation, **members)

    def explain(self, request_id: str, credentials: dict[str, Any] | None = None) -> dict[str, Any]:
        """An explanation; the account's root user asks without credentials."""
        answer = self.ask(credentials, "Explain", RequestId=request_id)
        assert answer.status == 200, answer
        return answer.body

    def put(self, where: str, statement: str, *, kind: str, name: str, resource: str = "", boundary: str = "") -> None:
        """Put a gap's statement where it says, for the user or role `name`; `resource` is whose policy takes it."""
        document = {"Version": "2012-10-17", "Statement": [json.loads(statement)]}
        if where == "identity-policy":
            put = self.iam.put_user_policy if kind == "user" else self.iam.put_role_policy
            put(
                **{f"{kind.capitalize()}Name": name},
                PolicyName=new_name("gap"),
                PolicyDocument=json.dumps(document),
            )
        elif where == "permissions-boundary":
            version = self.iam.get_policy(PolicyArn=boundary)["Policy"]["DefaultVersionId"]
            old = self.iam.get_policy_version(PolicyArn=boundary, VersionId=version)["PolicyVersion"]["Document"]
            old["Statement"].append(document["Statement"][0])
            self.iam.create_policy_version(PolicyArn=boundary, PolicyDocument=json.dumps(old), SetAsDefault=True)
        elif where == "key-policy":
            found = json.loads(self.keys.get_key_policy(KeyId=resource)["Policy"])
            found["Statement"].append(document["Statement"][0])
            self.keys.put_key_policy(KeyId=resource, Policy=json.dumps(found))
        elif where == "resource-policy" and ":ssm:" in resource:
            self.account.client("ssm").put_resource_policy(ResourceArn=resource, Policy=json.dumps(document))
        elif where == "resource-policy":
            text = self.secrets.get_resource_policy(SecretId=resource).get("ResourcePolicy")
            if text:
                document["Statement"] += json.loads(text)["Statement"]
            self.secrets.put_resource_policy(SecretId=resource, ResourcePolicy=json.dumps(document))
        else:
            assert where == "trust-policy"
            role = resource.rpartition("/")[2]
            old = self.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
            old["Statement"].append(document["Statement"][0])
            self.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(old))
