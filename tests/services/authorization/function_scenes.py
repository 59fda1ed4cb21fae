"""The scene of Lambda: one function from its making to its end, with a version, an alias, a policy and tags.

The function answers with its event, so that an invocation that succeeds is told from one that is only answered.
"""

from __future__ import annotations

import json
from typing import Any

from tests.services.lambda_.conftest import trust, zipped

from .house import ACCOUNT, REGION, House

TAGS = {"team": "blue"}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:app"
CODE = zipped({"app.py": "def handler(event, context):\n    return event\n"})


def lambda_(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("lambda_", operation, FunctionName="app", **members)

    house.call("lambda_", "ListFunctions")
    role = house.call("iam", "CreateRole", RoleName="function", AssumeRolePolicyDocument=trust()).Role.Arn
    settings = {"Runtime": "python3.11", "Handler": "app.handler", "Role": role}
    call("CreateFunction", **settings, Code={"ZipFile": CODE}, Tags=TAGS)
    for operation in (
        "GetFunction", "GetFunctionConfiguration", "GetFunctionCodeSigningConfig", "ListVersionsByFunction",
    ):  # fmt: skip
        call(operation)
    call("UpdateFunctionConfiguration", **settings, Description="second")
    call("UpdateFunctionCode", ZipFile=CODE)
    version = call("PublishVersion").Version
    call("PutFunctionConcurrency", ReservedConcurrentExecutions=5)
    call("GetFunctionConcurrency")
    call("DeleteFunctionConcurrency")
    call("CreateAlias", Name="live", FunctionVersion=version)
    call("GetAlias", Name="live")
    call("UpdateAlias", Name="live", Description="second")
    call("ListAliases")
    _invocations(house)
    _policy(house)
    house.call("lambda_", "TagResource", Resource=FUNCTION, Tags={"stage": "test"})
    house.call("lambda_", "ListTags", Resource=FUNCTION)
    house.call("lambda_", "UntagResource", Resource=FUNCTION, TagKeys=["stage"])
    call("DeleteAlias", Name="live")
    call("DeleteFunction", Qualifier=version)
    call("DeleteFunction")


def _invocations(house: House) -> None:
    house.call("lambda_", "Invoke", FunctionName="app", InvocationType="DryRun")
    event = {"purpose": "test"}
    answer = house.call("lambda_", "Invoke", FunctionName="app", Qualifier="live", Payload=json.dumps(event).encode())
    assert json.loads(answer.Payload) == event


def _policy(house: House) -> None:
    def call(operation: str, **members: Any) -> Any:
        return house.call("lambda_", operation, FunctionName="app", **members)

    call(
        "AddPermission",
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=ACCOUNT,
    )
    call("GetPolicy")
    call("RemovePermission", StatementId="rotation")
