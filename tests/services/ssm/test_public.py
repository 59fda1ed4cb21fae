"""Parameters that the operator publishes to everybody, and images that a parameter may name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.testing.server import Account, Server
from tests.default_bus import Listener

from .refusals import NOT_FOUND, refused

AMI = "/aws/service/ami/linux/image_id"
IMAGES = "/aws/service/holdfast/images"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def account(server: Server) -> Iterator[Account]:
    account = server.create_account()
    yield account
    account.close()


def holdfast(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "holdfast", "parameters", *arguments, "--data", str(server.directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def publish(server: Server, *arguments: str) -> str:
    done = holdfast(server, "publish", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_what_is_published_is_read_by_everybody(server: Server, account: Account) -> None:
    assert publish(server, AMI, "ami-01234567") == "1"
    assert json.loads(publish(server, AMI, "ami-89abcdef", "--format", "json")) == {"name": AMI, "version": 2}
    ssm = account.client("ssm")
    arn = f"arn:aws:ssm:{account.region}::parameter{AMI}"
    for name in (AMI, arn):
        found = ssm.get_parameter(Name=name)["Parameter"]
        assert (found["Name"], found["Value"], found["ARN"], found["Version"]) == (AMI, "ami-89abcdef", arn, 2)
    assert ssm.get_parameter(Name=f"{AMI}:1")["Parameter"]["Value"] == "ami-01234567"
    assert [p["ARN"] for p in ssm.get_parameters(Names=[AMI])["Parameters"]] == [arn]
    by_path = ssm.get_parameters_by_path(Path="/aws/service", Recursive=True)["Parameters"]
    assert AMI in [p["Name"] for p in by_path]
    assert [p["Name"] for p in ssm.get_parameters_by_path(Path="/aws/service/ami/linux")["Parameters"]] == [AMI]
    assert ssm.describe_parameters()["Parameters"] == [], "where they are not asked for, they are not listed"
    for chosen in (
        {"Key": "Name", "Option": "BeginsWith", "Values": ["/aws/service/ami"]},
        {"Key": "Path", "Option": "Recursive", "Values": ["/aws/service/ami"]},
    ):
        assert [p["ARN"] for p in ssm.describe_parameters(ParameterFilters=[chosen])["Parameters"]] == [arn]
    elsewhere = account.client("ssm", region_name="eu-west-1")
    assert refused(elsewhere.get_parameter, Name=AMI) == NOT_FOUND
    publish(server, AMI, "ami-eeeeeeee", "--region", "eu-west-1")
    assert elsewhere.get_parameter(Name=AMI)["Parameter"]["Value"] == "ami-eeeeeeee"


def test_a_published_parameter_is_withdrawn(server: Server, account: Account) -> None:
    name = "/aws/service/gone"
    publish(server, name, "v")
    assert holdfast(server, "withdraw", name).returncode == 0
    assert refused(account.client("ssm").get_parameter, Name=name) == NOT_FOUND
    again = holdfast(server, "withdraw", name)
    assert again.returncode != 0
    assert again.stderr.startswith("holdfast: ParameterNotFound")


def test_only_the_operator_writes_them_and_nothing_else_of_awss(server: Server, account: Account) -> None:
    ssm = account.client("ssm")
    assert refused(ssm.put_parameter, Name=AMI, Value="v", Type="String")[0] == "AccessDeniedException"
    assert refused(ssm.delete_parameter, Name=AMI)[0] == "AccessDeniedException"
    assert refused(ssm.add_tags_to_resource, ResourceType="Parameter", ResourceId=AMI, Tags=[{"Key": "k", "Value": "v"}])[
        0
    ] == "InvalidResourceId"  # fmt: skip
    refusal = holdfast(server, "publish", "/aws/other/n", "v")
    assert "No access to reserved parameter name" in refusal.stderr
    assert "not a region" in holdfast(server, "publish", "/aws/service/n", "v", "--region", "nowhere").stderr


# -- images -------------------------------------------------------------------------------------------------------


def put_image(ssm: Any, name: str, image: str, **more: Any) -> Any:
    return ssm.put_parameter(Name=name, Value=image, Type="String", DataType="aws:ec2:image", **more)


def test_an_image_becomes_visible_when_it_exists(server: Server, account: Account) -> None:
    publish(server, IMAGES, "ami-00000001,ami-00000002", "--type", "StringList")
    ssm = account.client("ssm")
    listener = Listener(account, {"source": ["aws.ssm"], "detail-type": ["Parameter Store Change"]})
    assert put_image(ssm, "/image", "ami-00000001")["Version"] == 1
    found = ssm.get_parameter(Name="/image")["Parameter"]
    assert (found["Value"], found["DataType"]) == ("ami-00000001", "aws:ec2:image")
    assert put_image(ssm, "/image", "ami-ffffffff", Overwrite=True)["Version"] == 2, "the answer comes before"
    assert ssm.get_parameter(Name="/image")["Parameter"]["Version"] == 1
    assert put_image(ssm, "/never", "ami-ffffffff")["Version"] == 1
    assert refused(ssm.get_parameter, Name="/never") == NOT_FOUND
    details = [event["detail"] for event in listener.take()]
    assert [(d["operation"], d["name"], d.get("exception"), d["dataType"]) for d in details] == [
        ("Create", "/image", None, "aws:ec2:image"),
        ("Update", "/image", "Unable to Describe Resource", "aws:ec2:image"),
        ("Create", "/never", "Unable to Describe Resource", "aws:ec2:image"),
    ]
    assert refused(put_image, ssm=ssm, name="/image", image="no image")[0] == "ParameterAlreadyExists"


def test_the_format_of_an_image_is_checked_after_the_answer_and_every_new_value_is_checked(
    server: Server, account: Account
) -> None:
    publish(server, IMAGES, "ami-00000001,ami-00000002,no-image", "--type", "StringList")
    ssm = account.client("ssm")
    listener = Listener(account, {"source": ["aws.ssm"], "detail-type": ["Parameter Store Change"]})
    for image in ("no image", "no-image", "ami-1"):
        assert put_image(ssm, "/new", image)["Version"] == 1
        assert refused(ssm.get_parameter, Name="/new") == NOT_FOUND
    put_image(ssm, "/new", "ami-00000001")
    assert ssm.put_parameter(Name="/new", Value="ami-ffffffff", Overwrite=True)["Version"] == 2, "it stays an image"
    assert ssm.get_parameter(Name="/new")["Parameter"]["Version"] == 1
    ssm.put_parameter(Name="/new", Value="ami-00000002", Overwrite=True)
    found = ssm.get_parameter(Name="/new")["Parameter"]
    assert (found["Version"], found["Value"], found["DataType"]) == (2, "ami-00000002", "aws:ec2:image")
    assert [(event["detail"]["operation"], "exception" in event["detail"]) for event in listener.take()] == [
        *[("Create", True)] * 3,
        ("Create", False),
        ("Update", True),
        ("Update", False),
    ]
