"""Functions, versions and aliases through boto3: what is kept, what is refused and in which words."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.request
import zipfile
from functools import partial
from typing import Any

import pytest

from holdfast.testing import Account
from tests.canaries import canary
from tests.services.lambda_.conftest import create, invoke, role, trust, zipped
from tests.services.lambda_.refusals import refused

SOURCE = "def handler(event, context): return context.function_version"


def arn(account: Account, name: str = "f", qualifier: str = "") -> str:
    return f"arn:aws:lambda:{account.region}:{account.account}:function:{name}{':' if qualifier else ''}{qualifier}"


def test_a_function_as_it_was_made(holdfast: Account) -> None:
    code = zipped({"app.py": SOURCE})
    created = create(
        holdfast,
        "",
        Code={"ZipFile": code},
        Description="first",
        Timeout=7,
        MemorySize=192,
        Environment={"Variables": {"A1": "1"}},
        Tags={"team": "x"},
    )
    created.pop("ResponseMetadata")
    functions = holdfast.client("lambda")
    found = functions.get_function(FunctionName="f")
    assert found["Configuration"] == created == without(functions.get_function_configuration(FunctionName="f"))
    assert found["Tags"] == {"team": "x"}
    assert "Concurrency" not in found
    expected = {
        "FunctionName": "f",
        "FunctionArn": arn(holdfast),
        "Role": role(holdfast),
        "CodeSize": len(code),
        "CodeSha256": base64.b64encode(hashlib.sha256(code).digest()).decode(),
        "Description": "first",
        "Timeout": 7,
        "MemorySize": 192,
        "Environment": {"Variables": {"A1": "1"}},
        "Version": "$LATEST",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
    }
    assert {name: created[name] for name in expected} == expected
    with urllib.request.urlopen(found["Code"]["Location"]) as answer:
        assert answer.read() == code
    functions.get_waiter("function_active_v2").wait(FunctionName="f")


def without(answer: dict[str, Any]) -> dict[str, Any]:
    answer.pop("ResponseMetadata")
    return answer


@pytest.mark.parametrize(
    "spelling", ["f", "{account}:function:f", "{account}:f", "function:f", "{arn}", "{arn}:$LATEST"]
)
def test_every_way_to_name_a_function(holdfast: Account, spelling: str) -> None:
    create(holdfast, SOURCE)
    name = spelling.format(account=holdfast.account, arn=arn(holdfast))
    found = holdfast.client("lambda").get_function_configuration(FunctionName=name)
    assert found["FunctionName"] == "f"
    assert invoke(holdfast, name=name).payload == "$LATEST"


def test_names_that_are_no_functions(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    create(holdfast, SOURCE)
    other = arn(holdfast).replace(holdfast.region, "eu-west-3")
    assert refused(functions.get_function, FunctionName=other) == (
        "ResourceNotFoundException",
        f"Functions from 'eu-west-3' are not reachable in this region ('{holdfast.region}')",
        404,
    )
    long = "x" * 65
    assert refused(functions.get_function, FunctionName=long) == (
        "ValidationException",
        f"1 validation error detected: Value '{long}' at 'functionName' failed to satisfy constraint: Member must have "
        "length less than or equal to 64",
        400,
    )
    assert refused(functions.get_function, FunctionName="f:1", Qualifier="2") == (
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
        400,
    )
    assert refused(functions.get_function, FunctionName="g")[:2] == (
        "ResourceNotFoundException",
        f"Function not found: {arn(holdfast, 'g')}",
    )


NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"Code": {"ZipFile": b"nonsense"}}, "InvalidParameterValueException", NOT_A_ZIP),
        ({"Code": {"ZipFile": zipped({"../app.py": ""})}}, "InvalidParameterValueException", NOT_A_ZIP),
        ({"Code": {"ZipFile": zipped({})}}, "InvalidParameterValueException", "Uploaded file must be a non-empty zip"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"Code": {"S3Bucket": "bucket", "S3Key": "k"}}, "NotImplementedException", "Holdfast does not implement the parameter S3Bucket of lambda:CreateFunction yet."),
        ({"Code": {"ImageUri": "x"}}, "NotImplementedException", "Holdfast does not implement the parameter ImageUri of lambda:CreateFunction yet."),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "NotImplementedException", "Holdfast does not implement the parameter VpcConfig of lambda:CreateFunction yet."),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]}, "NotImplementedException", "Holdfast does not implement the parameter Layers of lambda:CreateFunction yet."),
        ({"TracingConfig": {"Mode": "Active"}}, "NotImplementedException", "Holdfast does not implement the parameter TracingConfig of lambda:CreateFunction yet."),
        ({"Runtime": "nodejs22.x"}, "NotImplementedException", "Holdfast does not run functions with the runtime nodejs22.x: it runs python3.* and provided.*"),
        ({"Timeout": 901}, "ValidationException", "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"BIG": "x" * 4096}}}, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit."),
        ({"Role": "arn:aws:iam::{account}:role/none"}, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
        ({"Role": "arn:aws:iam::{account}:role/closed"}, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
    ],
)  # fmt: skip
def test_what_is_no_function(holdfast: Account, options: dict[str, Any], code: str, text: str) -> None:
    holdfast.client("iam").create_role(RoleName="closed", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
    if "Role" in options:
        options = {"Role": options["Role"].format(account=holdfast.account)}
    assert refused(partial(create, holdfast, SOURCE), **options) == (code, text, 400)
    assert holdfast.client("lambda").list_functions()["Functions"] == []


def test_a_zip_that_unpacks_to_too_much(holdfast: Account) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as entry:
        for _ in range(270):
            entry.write(bytes(1_000_000))
    code, text, _ = refused(lambda: create(holdfast, "", Code={"ZipFile": buffer.getvalue()}))
    assert (code, text) == ("InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes")


def test_one_name_one_function(holdfast: Account) -> None:
    create(holdfast, SOURCE)
    assert refused(lambda: create(holdfast, SOURCE)) == ("ResourceConflictException", "Function already exist: f", 409)


def test_versions(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    created = create(holdfast, SOURCE, Publish=True, Environment={"Variables": {"A1": "1"}})
    assert (created["Version"], created["FunctionArn"]) == ("1", arn(holdfast, qualifier="1"))
    assert functions.publish_version(FunctionName="f")["Version"] == "1", "nothing has changed"
    functions.update_function_configuration(FunctionName="f", Environment={"Variables": {"A1": "2"}})
    assert functions.publish_version(FunctionName="f", Description="second")["Version"] == "2"
    functions.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "def handler(e, c): return 'new'"}))
    listed = functions.list_versions_by_function(FunctionName="f")["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]
    assert (
        functions.get_function_configuration(FunctionName="f", Qualifier="1")["Environment"]["Variables"]["A1"] == "1"
    )
    assert invoke(holdfast, Qualifier="1").payload == "1"
    assert invoke(holdfast, Qualifier="2").payload == "2"
    assert invoke(holdfast).payload == "new"
    functions.delete_function(FunctionName="f", Qualifier="1")
    assert refused(functions.get_function, FunctionName="f:1")[0] == "ResourceNotFoundException"
    assert invoke(holdfast, Qualifier="2").payload == "2", "the same code, of a version that is left"
    assert refused(functions.delete_function, FunctionName="f", Qualifier="$LATEST")[1] == (
        "$LATEST version cannot be deleted without deleting the function."
    )
    functions.delete_function(FunctionName="f")
    assert functions.list_functions()["Functions"] == []
    assert create(holdfast, SOURCE, Publish=True)["Version"] == "1"


def test_aliases(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    create(holdfast, SOURCE, Publish=True)
    alias = functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1", Description="now")
    assert (alias["AliasArn"], alias["FunctionVersion"]) == (arn(holdfast, qualifier="live"), "1")
    assert invoke(holdfast, name="f:live").payload == "1"
    assert refused(functions.create_alias, FunctionName="f", Name="live", FunctionVersion="1") == (
        "ResourceConflictException", f"Alias already exists: {arn(holdfast, qualifier='live')}", 409,
    )  # fmt: skip
    assert (
        refused(functions.create_alias, FunctionName="f", Name="other", FunctionVersion="9")[0]
        == "ResourceNotFoundException"
    )
    assert refused(functions.delete_function, FunctionName="f", Qualifier="1")[0] == "ResourceConflictException"
    assert (
        refused(functions.update_alias, FunctionName="f", Name="live", RevisionId="x")[0]
        == "PreconditionFailedException"
    )
    functions.update_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST")
    assert functions.get_alias(FunctionName="f", Name="live")["FunctionVersion"] == "$LATEST"
    assert [entry["Name"] for entry in functions.list_aliases(FunctionName="f")["Aliases"]] == ["live"]
    assert functions.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"] == []
    functions.delete_alias(FunctionName="f", Name="live")
    assert refused(functions.get_alias, FunctionName="f", Name="live")[0] == "ResourceNotFoundException"


def test_updates_keep_what_they_do_not_name_and_mind_the_revision(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    created = create(holdfast, SOURCE, Description="d", Timeout=9, Environment={"Variables": {"A1": "1"}})
    after = functions.update_function_configuration(FunctionName="f", MemorySize=256, RevisionId=created["RevisionId"])
    assert (after["Description"], after["Timeout"], after["MemorySize"]) == ("d", 9, 256)
    assert after["Environment"] == {"Variables": {"A1": "1"}}
    code, text, status = refused(
        functions.update_function_configuration, FunctionName="f", MemorySize=128, RevisionId=created["RevisionId"]
    )
    assert (code, status) == ("PreconditionFailedException", 412)
    assert text.startswith("The RevisionId provided does not match the latest RevisionId.")
    dry = functions.update_function_code(FunctionName="f", ZipFile=zipped({"app.py": "x"}), DryRun=True)
    assert dry["CodeSha256"] != created["CodeSha256"]
    assert functions.get_function_configuration(FunctionName="f")["CodeSha256"] == created["CodeSha256"]
    cleared = functions.update_function_configuration(FunctionName="f", Environment={"Variables": {}})
    assert "Environment" not in cleared


def test_pages_of_functions(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    for number in range(5):
        create(holdfast, SOURCE, f"f{number}", Publish=number == 2)
    pages = list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert [[entry["FunctionName"] for entry in page["Functions"]] for page in pages] == [
        ["f0", "f1"],
        ["f2", "f3"],
        ["f4"],
    ]
    every = functions.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 2})
    versions = [(entry["FunctionName"], entry["Version"]) for page in every for entry in page["Functions"]]
    assert versions == [
        ("f0", "$LATEST"),
        ("f1", "$LATEST"),
        ("f2", "$LATEST"),
        ("f2", "1"),
        ("f3", "$LATEST"),
        ("f4", "$LATEST"),
    ]
    assert refused(functions.list_functions, Marker="x")[0] == "InvalidParameterValueException"


def test_tags(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    resource = create(holdfast, SOURCE, Tags={"a": "1"})["FunctionArn"]
    functions.tag_resource(Resource=resource, Tags={"b": "2", "a": "3"})
    assert functions.list_tags(Resource=resource)["Tags"] == {"a": "3", "b": "2"}
    functions.untag_resource(Resource=resource, TagKeys=["a", "none"])
    assert functions.list_tags(Resource=resource)["Tags"] == {"b": "2"}
    assert refused(functions.list_tags, Resource=resource + "x")[0] == "ResourceNotFoundException"


def test_environments_and_code_are_not_readable_in_the_directory(holdfast: Account) -> None:
    """The suite searches every data directory for planted values."""
    secret = canary("environment")
    source = f"KEY = {canary('code')!r}\ndef handler(e, c):\n    import os\n    return os.environ['SECRET'] and KEY"
    create(holdfast, source, Environment={"Variables": {"SECRET": secret}})
    assert invoke(holdfast).payload.startswith("c4n4ry")


def test_what_lambda_has_and_we_do_not_says_so_by_name(holdfast: Account) -> None:
    client = holdfast.client("lambda")
    for call, members in ((client.list_layers, {}), (client.get_function_url_config, {"FunctionName": "f"})):
        code, text, status = refused(call, **members)
        assert (code, status) == ("NotImplementedException", 400)
        assert text.startswith("Holdfast does not implement lambda:")
