"""`services.functions.Functions`: how other services reach functions. A house in this process, and boto3 in a thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session

from holdfast.server.function_environment import merged_variables, own_endpoint
from holdfast.server.functions import split_fence
from holdfast.server.house import House
from holdfast.server.http_limits import Limits
from holdfast.server.listener import Listener
from holdfast.server.logs import Log
from holdfast.server.opening import open_directory
from holdfast.server.server import build
from holdfast.server.settings import Settings
from holdfast.services.functions import Busy, NotInvoked
from tests.services.lambda_.conftest import trust, zipped
from tests.services.lambda_.refusals import refused

SERVICE = "secretsmanager.amazonaws.com"
SOURCE = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return {"count": count, "credentials": [os.environ[name] for name in names]}
"""


class Scene:
    """A house, and clients of its root user and of anybody."""

    def __init__(self, house: House, account: str) -> None:
        self.house = house
        self.account = account
        self.function = f"arn:aws:lambda:us-east-1:{account}:function:f"
        self.secret = f"arn:aws:secretsmanager:us-east-1:{account}:secret:s-AAAAAA"

    def client(self, service: str, credentials: list[str] | None = None) -> Any:
        create: Any = Session().client
        key, secret, token = credentials or ("test", "test", None)
        return create(
            service,
            endpoint_url=self.house.endpoint,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    def prepare(self) -> None:
        """The function, which lets Secrets Manager invoke it for the secret."""
        iam, functions = self.client("iam"), self.client("lambda")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
        functions.create_function(
            FunctionName="f", Role=role, Runtime="python3.11", Handler="app.handler",
            Code={"ZipFile": zipped({"app.py": SOURCE})},
        )  # fmt: skip
        functions.add_permission(
            FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal=SERVICE, SourceArn=self.secret
        )
        iam.close()
        functions.close()

    async def invoke(self, fence: str = "", function: str = "") -> dict[str, Any]:
        invoked = await self.house.functions.invoke(
            function or self.function, b"{}", service=SERVICE, source_arn=self.secret, fence=fence
        )
        assert invoked.error == ""
        return json.loads(invoked.payload)

    def who(self, credentials: list[str]) -> Any:
        client = self.client("sts", credentials)
        try:
            return client.get_caller_identity()["Arn"]
        finally:
            client.close()

    def refusal(self, credentials: list[str]) -> str:
        client = self.client("sts", credentials)
        try:
            return refused(client.get_caller_identity)[0]
        finally:
            client.close()


def play(directory: Path, scene: Callable[[Scene], Awaitable[None]], *, environments: int = 8) -> None:
    """Run a scene in a house of its own."""

    async def run() -> None:
        settings = Settings(data=directory, dev=True, function_environments=environments)
        opened = open_directory(settings)
        house = build(settings, opened, Log("json", "warning"))
        listener = Listener(
            house.handle,
            limits=Limits(body_bytes=8 << 20),
            wall=opened.clock.wall,
            monotonic=opened.clock.monotonic,
            on_error=lambda error: pytest.fail(repr(error)),
        )
        port = await listener.listen_tcp("127.0.0.1", 0)
        house.endpoint = f"http://127.0.0.1:{port}"
        house.start()
        try:
            scenery = Scene(house, opened.home_account)
            await asyncio.to_thread(scenery.prepare)
            await scene(scenery)
        finally:
            await listener.drain(0)
            await house.stop()
            opened.lock.release()

    asyncio.run(run())


def test_a_newer_attempt_ends_the_credentials_of_an_older_one(tmp_path: Path) -> None:
    async def scene(scene: Scene) -> None:
        session = f"arn:aws:sts::{scene.account}:assumed-role/r/f"
        first = await scene.invoke(f"{scene.secret} 1")
        again = await scene.invoke(f"{scene.secret} 1")
        assert again == {**first, "count": 2}, "the steps of one attempt share an environment"
        other = await scene.invoke("another-secret 1")
        assert other["count"] == 1
        assert await asyncio.to_thread(scene.who, first["credentials"]) == session
        second = await scene.invoke(f"{scene.secret} 2")
        assert second["count"] == 1
        assert await asyncio.to_thread(scene.refusal, first["credentials"]) == "ExpiredToken"
        assert await asyncio.to_thread(scene.who, second["credentials"]) == session
        assert await asyncio.to_thread(scene.who, other["credentials"]) == session
        free = await scene.invoke()
        assert await asyncio.to_thread(scene.who, free["credentials"]) == session

    play(tmp_path / "data", scene)


def test_the_policy_is_asked_with_each_invocation(tmp_path: Path) -> None:
    async def scene(scene: Scene) -> None:
        host, function = scene.house.functions, scene.function
        call = host._call(scene.house.executor.snapshot(), SERVICE, "us-east-1")
        assert host.exists(call, function)
        assert not host.exists(call, f"{function}:7")
        assert not host.exists(call, f"{function}g")
        assert host.admits(call, function, SERVICE, scene.secret, scene.account)
        assert not host.admits(call, function, "sns.amazonaws.com", scene.secret, scene.account)
        assert not host.admits(call, function, SERVICE, scene.secret.replace(":s-", ":t-"), scene.account)
        with pytest.raises(NotInvoked, match="Function not found"):
            await scene.invoke(function=f"{function}g")
        await scene.invoke()
        functions = scene.client("lambda")
        await asyncio.to_thread(functions.remove_permission, FunctionName="f", StatementId="s")
        functions.close()
        with pytest.raises(NotInvoked, match=r"does not let secretsmanager\.amazonaws\.com invoke it"):
            await scene.invoke()

    play(tmp_path / "data", scene)


def test_a_role_that_trusts_lambda_no_more(tmp_path: Path) -> None:
    async def scene(scene: Scene) -> None:
        iam = scene.client("iam")
        await asyncio.to_thread(iam.update_assume_role_policy, RoleName="r", PolicyDocument=trust("ec2.amazonaws.com"))
        iam.close()
        with pytest.raises(NotInvoked, match="cannot be assumed by Lambda"):
            await scene.invoke()

    play(tmp_path / "data", scene)


def test_too_many_environments(tmp_path: Path) -> None:
    async def scene(scene: Scene) -> None:
        answers = await asyncio.gather(scene.invoke(), scene.invoke(), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, Busy)]
        assert [busy.reason for busy in refused] == ["ConcurrentInvocationLimitExceeded"]
        # An idle one makes room for another function's.
        assert (await scene.invoke("subject 1"))["count"] == 1

    play(tmp_path / "data", scene, environments=1)


@pytest.mark.parametrize(
    ("fence", "parts"), [("arn:x 1", ("arn:x", "1")), ("a b c", ("a b", "c")), ("", ("", "")), ("alone", ("", "alone"))]
)
def test_what_a_fence_says(fence: str, parts: tuple[str, str]) -> None:
    assert split_fence(fence) == parts


def test_variables_of_a_function_and_of_the_server() -> None:
    own = {"AWS_ENDPOINT_URL": "here", "SECRETS_MANAGER_ENDPOINT": "here", "PYTHONPATH": "/support", "TZ": ":UTC"}
    given = {
        "SECRETS_MANAGER_ENDPOINT": "https://secretsmanager.eu-west-1.amazonaws.com",
        "PYTHONPATH": "/mine",
        "A": "1",
    }
    assert merged_variables(given, own) == {
        **own, "PYTHONPATH": "/support:/mine", "A": "1",
    }  # fmt: skip
    assert merged_variables({"AWS_ENDPOINT_URL": "http://other"}, own)["AWS_ENDPOINT_URL"] == "http://other"
    assert own_endpoint("http://0.0.0.0:4566") == "http://127.0.0.1:4566"
    assert own_endpoint("http://[::]:4566") == "http://[::1]:4566"
