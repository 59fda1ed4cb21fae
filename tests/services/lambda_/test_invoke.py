"""Invocations through boto3 over a real server: answers, errors, logs, limits, warm environments."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from holdfast.testing import Account
from tests.services.lambda_.conftest import EVERYTHING, create, invoke, role, zipped
from tests.services.lambda_.refusals import refused

ECHO = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    return {"event": event, "count": count, "pid": os.getpid(), "arn": context.invoked_function_arn,
            "version": context.function_version, "left": context.get_remaining_time_in_millis()}
"""


def test_an_event_comes_in_and_an_answer_goes_out(holdfast: Account) -> None:
    created = create(holdfast, ECHO, Timeout=30)
    event = {"a": [1, None, "é漢𝒳"], "big": "x" * 100_000}
    answer = invoke(holdfast, event)
    assert answer.error == ""
    assert answer.payload["event"] == event
    assert answer.payload["arn"] == created["FunctionArn"]
    assert answer.payload["version"] == "$LATEST"
    assert 20_000 < answer.payload["left"] <= 30_000


def test_a_warm_environment_is_used_again_and_an_update_replaces_it(holdfast: Account) -> None:
    create(holdfast, ECHO)
    first, second = invoke(holdfast).payload, invoke(holdfast).payload
    assert (first["count"], second["count"]) == (1, 2)
    assert first["pid"] == second["pid"]
    functions = holdfast.client("lambda")
    functions.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "def handler(e, c): return 'new'"}))
    assert invoke(holdfast).payload == "new"
    functions.update_function_configuration(FunctionName="f", Handler="app.other")
    assert invoke(holdfast).payload["errorType"] == "Runtime.HandlerNotFound"


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("def handler(e, c): raise ValueError('wrong')", "ValueError", "wrong"),
        ("import nonsense", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nonsense'"),
        ("def other(e, c): pass", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def handler(e c): pass", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': …"),
        ("import os\ndef handler(e, c): os._exit(7)", "Runtime.ExitError", "…Runtime exited with error: exit status 7"),
        ("import os\ndef handler(e, c): os._exit(0)", "Runtime.ExitError", "…Runtime exited without providing a reason"),
        ("import os\nos._exit(3)", "Runtime.ExitError", "…Runtime exited with error: exit status 3"),
        ("import os\ndef handler(e, c): os.kill(os.getpid(), 9)", "Runtime.ExitError", "…with error: signal: killed"),
        ("def handler(e, c): return object()", "Runtime.MarshalError", "Unable to marshal response: …"),
        ("def handler(e, c): return 'x' * 6_400_000", "Function.ResponseSizeTooLarge", "Response payload size exceeded…"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_a_function(holdfast: Account, source: str, kind: str, text: str) -> None:
    create(holdfast, source)
    answer = invoke(holdfast)
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == kind
    for part in text.split("…"):
        assert part in answer.payload["errorMessage"]
    # The next one begins anew.
    assert invoke(holdfast).payload["errorType"] == kind


def test_a_function_that_is_too_slow_is_stopped(holdfast: Account) -> None:
    source = "import time, os\ndef handler(e, c):\n    if e: time.sleep(60)\n    return os.getpid()"
    create(holdfast, source, Timeout=1)
    before = invoke(holdfast).payload
    answer = invoke(holdfast, {"slow": True})
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    request_id = answer.log.split("START RequestId: ")[1].split()[0]
    assert answer.payload["errorMessage"] == f"RequestId: {request_id} Error: Task timed out after 1.00 seconds"
    assert isinstance(before, int)
    assert isinstance(invoke(holdfast).payload, int)


def test_the_log_comes_back_without_credentials(holdfast: Account) -> None:
    source = """
import logging, os, sys
print("loading")
def handler(event, context):
    print("to standard output")
    print("to standard error", file=sys.stderr)
    logging.getLogger().warning("by logging")
    print("secret", os.environ["AWS_SECRET_ACCESS_KEY"], "token", os.environ["AWS_SESSION_TOKEN"])
    return os.environ["AWS_SECRET_ACCESS_KEY"]
"""
    create(holdfast, source)
    answer = invoke(holdfast)
    for part in (
        "loading",
        "to standard output",
        "to standard error",
        "[WARNING]",
        "START RequestId: ",
        "END RequestId: ",
    ):
        assert part in answer.log
    assert "REPORT RequestId: " in answer.log
    assert answer.payload not in answer.log
    assert "secret [redacted] token [redacted]" in answer.log


def test_a_flood_of_output_is_bounded(holdfast: Account) -> None:
    source = """
import sys
def handler(event, context):
    for number in range(40):
        sys.stdout.write("x" * 65536)
    sys.stdout.write("the end\\n")
    sys.stdout.flush()
    return "done"
"""
    create(holdfast, source, Timeout=30)
    answer = invoke(holdfast)
    assert answer.payload == "done"
    assert len(answer.log) <= 4096
    assert "the end" in answer.log


def test_a_function_acts_as_its_role(holdfast: Account) -> None:
    source = """
import boto3
def handler(event, context):
    try:
        return boto3.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"]
    except Exception as error:
        return str(error)
"""
    holdfast.client("secretsmanager").create_secret(Name="s", SecretString="value")
    arn = role(holdfast, "reader")
    create(holdfast, source, Role=arn, Timeout=20)
    denied = invoke(holdfast).payload
    assert "assumed-role/reader/f is not authorized to perform: secretsmanager:GetSecretValue" in denied
    holdfast.client("iam").put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=EVERYTHING)
    assert invoke(holdfast).payload == "value"


def test_what_the_environment_says(holdfast: Account) -> None:
    create(
        holdfast,
        "import os\ndef handler(e, c): return dict(os.environ)",
        Environment={
            "Variables": {
                "OWN": "own value",
                "SECRETS_MANAGER_ENDPOINT": "https://secretsmanager.us-east-1.amazonaws.com",
            }
        },
        MemorySize=256,
    )
    found = invoke(holdfast).payload
    expected = {
        "OWN": "own value",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_REGION": holdfast.region,
        "AWS_DEFAULT_REGION": holdfast.region,
        "AWS_ENDPOINT_URL": holdfast.endpoint_url,
        "SECRETS_MANAGER_ENDPOINT": holdfast.endpoint_url,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert not [name for name in found if name.startswith("HOLDFAST_ROOT") or name == "VIRTUAL_ENV"]


def test_a_bootstrap_of_ones_own(holdfast: Account) -> None:
    bootstrap = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  head=$(mktemp)
  event=$(curl -sS -D "$head" "$api/next")
  id=$(grep -i lambda-runtime-aws-request-id "$head" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -X POST "$api/$id/response" -d "{\\"handler\\": \\"$_HANDLER\\", \\"event\\": $event}" >/dev/null
done
"""
    code = {"ZipFile": zipped({"bootstrap": bootstrap}, mode=0o755)}
    create(holdfast, "", Runtime="provided.al2023", Handler="mine", Code=code)
    for number in range(2):
        assert invoke(holdfast, number).payload == {"handler": "mine", "event": number}
    create(holdfast, "", "none", Runtime="provided.al2023", Handler="mine")
    assert invoke(holdfast, name="none").payload["errorType"] == "Runtime.InvalidEntrypoint"


def test_kinds_of_invocation_and_what_is_refused(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    create(holdfast, ECHO)
    assert functions.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    answer: Any = functions.invoke(FunctionName="f")
    assert json.loads(answer["Payload"].read())["event"] == {}
    assert "LogResult" not in answer
    assert answer["ExecutedVersion"] == "$LATEST"
    arn = f"arn:aws:lambda:{holdfast.region}:{holdfast.account}:function"
    assert refused(functions.invoke, FunctionName="gone") == (
        "ResourceNotFoundException",
        f"Function not found: {arn}:gone",
        404,
    )
    assert refused(functions.invoke, FunctionName="f", Qualifier="7") == (
        "ResourceNotFoundException",
        f"Function not found: {arn}:f:7",
        404,
    )
    code, text, status = refused(functions.invoke, FunctionName="f", Payload=b"{nonsense")
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert text.startswith("Could not parse request body into json")
    code, _, status = refused(functions.invoke, FunctionName="f", Payload=b'"' + b"x" * 6_400_000 + b'"')
    assert (code, status) == ("RequestTooLargeException", 413)


def test_what_the_caller_says_about_itself_reaches_the_function(holdfast: Account) -> None:
    create(holdfast, "def handler(e, c): return c.client_context and [c.client_context.custom, c.client_context.env]")
    said = {"custom": {"a": "é\r\nX-Injected: 1", "n": [1]}, "env": {"b": "2"}}
    encoded = base64.b64encode(json.dumps(said, ensure_ascii=False).encode()).decode()
    assert invoke(holdfast, ClientContext=encoded).payload == [said["custom"], said["env"]]
    assert invoke(holdfast).payload is None


def test_what_is_no_client_context(holdfast: Account) -> None:
    create(holdfast, "def handler(e, c): pass")
    malformed = [b"[1]", b'{"a":NaN}', b"\xff", b"null"]
    for context in ("string", "e30", *(base64.b64encode(content).decode() for content in malformed)):
        for kind in ("RequestResponse", "Event", "DryRun"):
            assert refused(
                holdfast.client("lambda").invoke, FunctionName="f", InvocationType=kind, ClientContext=context
            ) == (
                "InvalidRequestContentException",
                "Client context must be a valid Base64-encoded JSON object.",
                400,
            )
    longest = base64.b64encode(b'{"a":"' + b"x" * 2678 + b'"}').decode()
    assert len(longest) == 3584
    code, text, _ = refused(holdfast.client("lambda").invoke, FunctionName="f", ClientContext=longest)
    assert code == "InvalidRequestContentException"
    assert text == "Client context must be no more than 3583 bytes when base64-encoded."


def test_reserved_concurrency(holdfast: Account) -> None:
    functions = holdfast.client("lambda", config=no_retries())
    create(holdfast, ECHO)
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert refused(functions.invoke, FunctionName="f") == ("TooManyRequestsException", "Rate Exceeded.", 429)
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    assert invoke(holdfast).payload["count"] == 1
    functions.delete_function_concurrency(FunctionName="f")
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName="f")


def no_retries() -> Any:
    from botocore.config import Config

    return Config(retries={"total_max_attempts": 1})
