"""Functions to invoke: zip files, roles that Lambda may assume, and the answers as Python values."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any, NamedTuple

from holdfast.testing import Account

EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
)


def zipped(files: dict[str, str | bytes], *, mode: int = 0o644) -> bytes:
    """A zip file; `mode` is that of every file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def trust(service: str = "lambda.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def role(account: Account, name: str = "function", policy: str = "") -> str:
    """A role that Lambda may assume, made once."""
    iam = account.client("iam")
    try:
        return iam.get_role(RoleName=name)["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return arn


def create(account: Account, source: str, name: str = "f", **options: Any) -> dict[str, Any]:
    """A Python function of one file."""
    return account.client("lambda").create_function(
        **{
            "FunctionName": name,
            "Role": options.pop("Role", None) or role(account),
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Code": {"ZipFile": zipped({"app.py": source})},
            **options,
        }
    )


class Answer(NamedTuple):
    """What an invocation answered."""

    payload: Any
    error: str
    log: str


def invoke(account: Account, event: Any = None, name: str = "f", **options: Any) -> Answer:
    answer = account.client("lambda").invoke(
        FunctionName=name, Payload=json.dumps({} if event is None else event).encode(), LogType="Tail", **options
    )
    assert answer["StatusCode"] == 200
    log = base64.b64decode(answer["LogResult"]).decode()
    return Answer(json.loads(answer["Payload"].read()), answer.get("FunctionError", ""), log)
