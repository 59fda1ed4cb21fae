"""AWS's documented events against those of real calls, field by field: the same members at every depth, of the same types,
and the same words wherever AWS's is not an example's own name, time or id.

The examples are those of the user guides: "Secret Label Updated event" and "AWS CloudTrail entries for Secrets Manager"
(Secrets Manager), "Reference: Amazon EventBridge event patterns and types for Systems Manager" and the schema registry's
aws.ssm@ParameterStorePolicyAction (Systems Manager), "Monitor KMS keys with Amazon EventBridge" (KMS). The rules that the
guides write are put to the same events.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from holdfast.testing import Account, Server
from tests.databases import free_port
from tests.default_bus import Event, Listener

ACCOUNT, REGION = "123456789012", "us-east-1"
OWN = {"id", "account", "time", "region", "resources"}
"""Members of the envelope that differ from event to event."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        images = ["parameters", "publish", "/aws/service/holdfast/images", "ami-0123abcd", "--type", "StringList"]
        command = [sys.executable, "-m", "holdfast", *images, "--data", str(server.directory)]
        subprocess.run(command, check=True, capture_output=True)
        yield server


@pytest.fixture(scope="module")
def account(server: Server) -> Account:
    return server.create_account()


def example(detail_type: str, source: str, resource: str, detail: dict[str, Any], **envelope: Any) -> Event:
    """An example as it stands in a guide."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": "2017-05-22T16:43:48Z",
        "region": REGION,
        "resources": [resource] if resource else [],
        "detail": detail,
        **envelope,
    }


def compare(documented: Any, sent: Any, own: set[str], path: str = "") -> None:
    """The same members and types; the same values but for the members `own`, which name the example's own things."""
    assert type(sent) is type(documented), path
    if isinstance(documented, dict):
        assert sorted(sent) == sorted(documented), path  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for member, value in documented.items():  # pyright: ignore[reportUnknownVariableType]
            compare(value, sent[member], own, f"{path}.{member}")
    elif isinstance(documented, list):
        assert len(sent) == len(documented), path  # pyright: ignore[reportUnknownArgumentType]
        for one, other in zip(documented, sent, strict=True):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            compare(one, other, own, path)
    elif path.rpartition(".")[2] not in own:
        assert sent == documented, path


def arn_shape(arn: str) -> list[str]:
    """The parts of an ARN that are not names."""
    parts = arn.split(":", 5)
    return [parts[0], parts[1], parts[2], parts[5].replace(":", "/").partition("/")[0]]


# -- the examples and what causes them --------------------------------------------------------------------------------


def put(account: Account, name: str, **more: Any) -> Any:
    values = {"Name": name, "Value": "v", "Type": "String", "Description": "Sample Parameter", **more}
    return account.client("ssm").put_parameter(**values)


def change(operation: str, **more: str) -> Event:
    detail = {"operation": operation, "name": "MyExampleParameter", "type": "String", **more}
    return example("Parameter Store Change", "aws.ssm", "arn:aws:ssm:us-east-1:1:parameter/MyExampleParameter", detail)


def policy_action(kind: str, attributes: dict[str, str], **more: str) -> Event:
    detail = {
        "policy-type": kind,
        "parameter-name": "/MyParameter",
        "parameter-type": "String",
        "action-status": "SUCCESS",
        "policy-content": json.dumps({"Type": kind, "Version": "1.0", "Attributes": attributes}),
        **more,
    }
    return example("Parameter Store Policy Action", "aws.ssm", "arn:aws:ssm:us-east-1:1:parameter/MyParameter", detail)


def with_policies(account: Account, hours: float, *types: str) -> None:
    """A parameter of one hour's life, whose policies act as the clock goes on."""
    moment = account.server.now() + timedelta(hours=2)
    attributes = {
        "Expiration": {"Timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "ExpirationNotification": {"Before": "1", "Unit": "Hours"},
        "NoChangeNotification": {"After": "1", "Unit": "Hours"},
    }
    policies = [{"Type": kind, "Version": "1.0", "Attributes": attributes[kind]} for kind in types]
    put(account, "/MyParameter", Tier="Advanced", Policies=json.dumps(policies), Overwrite=True)
    account.server.advance(hours=hours)


def key_event(kind: str, **detail: str) -> Event:
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    return example(kind, "aws.kms", f"arn:aws:kms:us-west-2:1:key/{key}", {"key-id": key, **detail})


def create(account: Account) -> None:
    account.client("ssm").delete_parameters(Names=["MyExampleParameter"])
    put(account, "MyExampleParameter")


def update(account: Account) -> None:
    for _ in range(2):
        put(account, "MyExampleParameter", Overwrite=True)


def create_without_description(account: Account) -> None:
    account.client("ssm").put_parameter(Name="bare", Value="v", Type="String")


def label(account: Account) -> None:
    put(account, "MyExampleParameter", Overwrite=True)
    account.client("ssm").label_parameter_version(Name="MyExampleParameter", Labels=["production"])


def delete(account: Account) -> None:
    put(account, "MyExampleParameter", Overwrite=True)
    account.client("ssm").delete_parameter(Name="MyExampleParameter")


def create_image(account: Account) -> None:
    put(account, "golden-ami", Value="ami-0123abcd", DataType="aws:ec2:image")


def refuse_image(account: Account) -> None:
    client = account.client("ssm")
    client.put_parameter(Name="no-ami", Value="ami-99999999", Type="String", DataType="aws:ec2:image")


def expire(account: Account) -> None:
    with_policies(account, 2.5, "Expiration")


def warn(account: Account) -> None:
    with_policies(account, 1.5, "Expiration", "ExpirationNotification")


def idle(account: Account) -> None:
    with_policies(account, 1.5, "NoChangeNotification")


def move_label(account: Account) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="mySecret", SecretString="v")
    secrets.put_secret_value(SecretId="mySecret", SecretString="w", ClientRequestToken="9" * 32)


def rotate_key(account: Account) -> None:
    kms = account.client("kms")
    kms.rotate_key_on_demand(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])


def rotate_key_by_itself(account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    account.server.advance(days=91)
    kms.disable_key_rotation(KeyId=key)


def delete_key(account: Account) -> None:
    kms = account.client("kms")
    kms.schedule_key_deletion(KeyId=kms.create_key()["KeyMetadata"]["KeyId"], PendingWindowInDays=7)
    account.server.advance(days=8)


def delete_secret(account: Account) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="MyTestSecret", SecretString="v")
    secrets.delete_secret(SecretId="MyTestSecret")


def fail_rotation(account: Account) -> None:
    secrets = account.client("secretsmanager")
    where = {"engine": "postgres", "host": "127.0.0.1", "port": free_port(), "username": "u", "password": "p"}
    secrets.create_secret(Name="MyDatabaseSecret", SecretString=json.dumps(where))
    function = (
        f"arn:aws:lambda:{account.region}:{account.account}:function:SecretsManagerRDSPostgreSQLRotationSingleUser"
    )
    rules = {"AutomaticallyAfterDays": 30}
    secrets.rotate_secret(SecretId="MyDatabaseSecret", RotationLambdaARN=function, RotationRules=rules)
    account.server.advance(minutes=1)
    secrets.delete_secret(SecretId="MyDatabaseSecret", ForceDeleteWithoutRecovery=True)


def service_event(name: str, detail: dict[str, Any], **more: str) -> Event:
    service = "secretsmanager.amazonaws.com"
    record = {
        "eventVersion": "1.08",
        "userIdentity": {"accountId": ACCOUNT, "invokedBy": service},
        "eventTime": "2022-09-13T02:17:48Z",
        "eventSource": service,
        "eventName": name,
        "awsRegion": "us-east-2",
        "sourceIPAddress": service,
        "userAgent": service,
        "requestParameters": None,
        "responseElements": None,
        "additionalEventData": detail,
        "requestID": "",
        "eventID": "",
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **more,
    }
    return example("AWS Service Event via CloudTrail", "aws.secretsmanager", "", record)


FAILED = "Error when executing lambda arn:aws:lambda:us-east-2:123456789012:function:F during setSecret step"
RECORD = {"accountId", "eventTime", "awsRegion", "requestID", "eventID", "recipientAccountId", "eventVersion"}
EXAMPLES: dict[str, tuple[Event, set[str], Callable[[Account], None]]] = {
    "Create": (change("Create", description="Sample Parameter"), set(), create),
    "Create, no description": (change("Create"), {"name"}, create_without_description),
    "Update": (change("Update", description="Sample Parameter"), set(), update),
    "LabelParameterVersion": (change("LabelParameterVersion", description="Sample Parameter"), set(), label),
    "Delete": (change("Delete", description="Sample Parameter"), set(), delete),
    "image": (change("Create", dataType="aws:ec2:image", description="Sample Parameter"), {"name"}, create_image),
    "image refused": (
        change("Create", dataType="aws:ec2:image", exception="Unable to Describe Resource"),
        {"name"},
        refuse_image,
    ),
    "Expiration": (
        policy_action("Expiration", {"Timestamp": ""}, **{"action-reason": "Parameter expired and was deleted"}),
        {"policy-content"},
        expire,
    ),
    "ExpirationNotification": (policy_action("ExpirationNotification", {}), {"policy-content"}, warn),
    "NoChangeNotification": (
        policy_action("NoChangeNotification", {"After": "1", "Unit": "Hours"}),
        {"policy-content"},
        idle,
    ),
    "Secret Label Updated": (
        example(
            "Secret Label Updated",
            "aws.secretsmanager",
            "arn:aws:secretsmanager:us-west-2:1:secret:mySecret-a1b2c3",
            {"name": "mySecret", "labelUpdated": "AWSCURRENT", "versionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"},
        ),
        {"versionId"},
        move_label,
    ),
    "KMS CMK Rotation": (
        key_event(
            "KMS CMK Rotation",
            **{
                "key-origin": "AWS_KMS",
                "rotation-type": "ON_DEMAND",
                "previous-key-material-id": "123456789abcdef0" * 4,
                "current-key-material-id": "96083e4fb6dbc41d77578a213a6b6669c044dd4c143e96755396d2bf11fd6068",
            },
        ),
        {"key-id", "previous-key-material-id", "current-key-material-id"},
        rotate_key,
    ),
    "KMS CMK Rotation by itself": (
        key_event(
            "KMS CMK Rotation",
            **{
                "key-origin": "AWS_KMS",
                "rotation-type": "AUTOMATIC",
                "previous-key-material-id": "",
                "current-key-material-id": "",
            },
        ),
        {"key-id", "previous-key-material-id", "current-key-material-id"},
        rotate_key_by_itself,
    ),
    "KMS CMK Deletion": (key_event("KMS CMK Deletion"), {"key-id"}, delete_key),
    "StartSecretVersionDelete": (
        service_event("StartSecretVersionDelete", {"SecretId": "", "SecretVersionId": ""}),
        RECORD | {"SecretId", "SecretVersionId"},
        delete_secret,
    ),
    "RotationStarted": (service_event("RotationStarted", {"SecretId": ""}), RECORD | {"SecretId"}, fail_rotation),
    "RotationFailed": (
        service_event("RotationFailed", {"SecretId": ""}, errorMessage=FAILED),
        RECORD | {"SecretId", "errorMessage"},
        fail_rotation,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_event_has_the_shape_of_its_example(account: Account, name: str) -> None:
    documented, own, cause = EXAMPLES[name]
    pattern: dict[str, Any] = {"source": [documented["source"]], "detail-type": [documented["detail-type"]]}
    listener = Listener(account, pattern)
    cause(account)
    heard = listener.take()
    told_last = [event for event in heard if _same(documented, event)]
    assert told_last, heard
    event = told_last[-1]
    compare(documented, event, OWN | own)
    if "errorMessage" in event["detail"]:
        assert event["detail"]["errorMessage"].startswith(FAILED.partition("arn:")[0])
        assert event["detail"]["errorMessage"].endswith("during setSecret step")
    assert UUID.fullmatch(event["id"])
    assert MOMENT.fullmatch(event["time"])
    assert (event["account"], event["region"]) == (account.account, account.region)
    assert [arn_shape(arn) for arn in event["resources"]] == [arn_shape(arn) for arn in documented["resources"]]
    assert all(f":{account.region}:{account.account}:" in arn for arn in event["resources"])


def _same(documented: Event, event: Event) -> bool:
    """Whether an event is of the example's kind: a call may cause several."""
    kinds = ("operation", "policy-type", "labelUpdated", "rotation-type", "eventName")
    return all(event["detail"].get(kind) == documented["detail"].get(kind) for kind in kinds)


def test_what_names_something_names_the_right_thing(server: Server) -> None:
    """The members that the comparison leaves out."""
    account = server.create_account()
    listener = Listener(account)
    ssm, secrets, kms = (account.client(service) for service in ("ssm", "secretsmanager", "kms"))
    moment = (account.server.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": moment}}
    put(account, "/deep/name", Tier="Advanced", Policies=json.dumps([policy]))
    secret = secrets.create_secret(Name="names", SecretString="v")
    moved = secrets.put_secret_value(SecretId="names", SecretString="w", VersionStages=["blue", "green"])["VersionId"]
    key = kms.create_key()["KeyMetadata"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    current = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
    account.server.advance(hours=2)
    parameter = f"arn:aws:ssm:{account.region}:{account.account}:parameter/deep/name"
    native: dict[str, list[Event]] = {}
    for event in listener.take():
        native.setdefault(event["detail-type"], []).append(event)
    resources = {kind: [event["resources"] for event in events] for kind, events in native.items()}
    assert resources.pop("Parameter Store Change") == [[parameter], [parameter]]
    assert resources.pop("Secret Label Updated") == [[secret["ARN"]]] * 3
    assert resources.pop("KMS CMK Rotation") == [[key["Arn"]]]
    assert resources.pop("Parameter Store Policy Action") == [[parameter]]
    assert resources.keys() == {"AWS API Call via CloudTrail"}
    details = [event["detail"] for event in native["Secret Label Updated"]]
    assert sorted((detail["name"], detail["labelUpdated"], detail["versionId"]) for detail in details) == [
        ("names", "AWSCURRENT", secret["VersionId"]), ("names", "blue", moved), ("names", "green", moved)
    ]  # fmt: skip
    [rotation] = [event["detail"] for event in native["KMS CMK Rotation"]]
    material = rotation["previous-key-material-id"], rotation["current-key-material-id"]
    assert (rotation["key-id"], material) == (key["KeyId"], (key["CurrentKeyMaterialId"], current))
    [action] = native["Parameter Store Policy Action"]
    assert action["detail"]["parameter-name"] == "/deep/name"
    assert json.loads(action["detail"]["policy-content"]) == policy
    assert native["Parameter Store Change"][-1]["time"] == action["time"] >= moment
    assert ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/deep/name"]}])["Parameters"] == []


# -- the rules of the guides ------------------------------------------------------------------------------------------


def test_all_changes_to_a_specified_secret(account: Account) -> None:
    """ "Match all changes to a specified secret" (Secrets Manager user guide)."""
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="watched", SecretString="v")["ARN"]
    secrets.create_secret(Name="other", SecretString="v")
    names = [
        "DeleteResourcePolicy",
        "PutResourcePolicy",
        "RotateSecret",
        "TagResource",
        "UntagResource",
        "UpdateSecret",
    ]
    pattern = {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["secretsmanager.amazonaws.com"],
            "eventName": names,
            "responseElements": {"arn": [arn]},
        },
    }
    listener = Listener(account, pattern)
    allowed = {"Effect": "Allow", "Principal": {"AWS": account.account}, "Action": "secretsmanager:*", "Resource": "*"}
    everybody = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    for secret in ("watched", "other"):
        secrets.update_secret(SecretId=secret, Description="d")
        secrets.tag_resource(SecretId=secret, Tags=[{"Key": "k", "Value": "v"}])
        secrets.untag_resource(SecretId=secret, TagKeys=["k"])
        secrets.put_resource_policy(SecretId=secret, ResourcePolicy=everybody)
        secrets.delete_resource_policy(SecretId=secret)
        secrets.put_secret_value(SecretId=secret, SecretString="w")
    heard = [event["detail"]["eventName"] for event in listener.take()]
    assert heard == ["UpdateSecret", "TagResource", "UntagResource", "PutResourcePolicy", "DeleteResourcePolicy"]


def test_a_secret_value_that_rotates(account: Account) -> None:
    """ "Match events when a secret value rotates": the same rule for calls and service events."""
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="turns", SecretString="v")
    pattern = {
        "source": ["aws.secretsmanager"],
        "$or": [
            {"detail-type": ["AWS API Call via CloudTrail"]},
            {"detail-type": ["AWS Service Event via CloudTrail"]},
        ],
        "detail": {
            "eventSource": ["secretsmanager.amazonaws.com"],
            "eventName": ["PutSecretValue", "UpdateSecret", "RotationSucceeded"],
        },
    }
    listener = Listener(account, pattern)
    secrets.put_secret_value(SecretId="turns", SecretString="w")
    secrets.update_secret(SecretId="turns", SecretString="x")
    secrets.delete_secret(SecretId="turns")
    assert [event["detail"]["eventName"] for event in listener.take()] == ["PutSecretValue", "UpdateSecret"]
