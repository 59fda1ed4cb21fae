"""Publishing: what is refused, in batches too, and what is on record of a message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account

from .conftest import refusal


def text(value: str, kind: str = "String") -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Message": "x" * 262_145}, "Message too long"),
        ({"Message": "x" * 262_140, "MessageAttributes": {"a": text("b")}}, "Message too long"),
        ({"Message": "x", "Subject": ""}, "Subject"),
        ({"Message": "x", "Subject": "x" * 101}, "Subject"),
        ({"Message": "x", "Subject": "two\nlines"}, "Subject"),
        ({"Message": "x", "Subject": "grüße"}, "Subject"),
        ({"Message": "x", "MessageStructure": "json"}, "Message Structure - JSON message body failed to parse"),
        ({"Message": "{}", "MessageStructure": "json"}, "Message Structure - No default entry in JSON message body"),
        ({"Message": "x", "MessageStructure": "xml"}, "MessageStructure"),
        (
            {"Message": "x", "MessageDeduplicationId": "1"},
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for"
            " this topic type",
        ),
        *(
            (
                {"Message": "x", "MessageGroupId": group},
                "MessageGroupId Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in"
                " length",
            )
            for group in ("", "a b", "ü", "x" * 129)
        ),
    ],
)
def test_messages_that_are_refused(sns: Any, topic: str, members: dict[str, Any], expected: str) -> None:
    assert refusal(sns.publish, TopicArn=topic, **members) == ("InvalidParameter", f"Invalid parameter: {expected}")


@pytest.mark.parametrize(
    ("name", "attribute", "expected"),
    [
        (
            "a",
            text("b", "Text"),
            "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is"
            " Binary, Number, and String.",
        ),
        ("a", text("x", "Number"), "Could not cast message attribute 'a' value to number."),
        (
            "a",
            {"DataType": "String", "BinaryValue": b"x"},
            "The message attribute 'a' with type 'String' must use field 'String'.",
        ),
        ("a", text("x", "Binary"), "The message attribute 'a' with type 'Binary' must use field 'Binary'."),
        (
            "a",
            {"DataType": "String", "StringValue": ""},
            "The message attribute 'a' must contain non-empty message attribute value for message attribute type"
            " 'String'.",
        ),
        (
            "a",
            text("x", "String.Array"),
            "The message attribute 'a' of type 'String.Array' must be a JSON array of scalars.",
        ),
    ],
)
def test_attributes_that_are_refused(sns: Any, topic: str, name: str, attribute: dict[str, Any], expected: str) -> None:
    members = {"TopicArn": topic, "Message": "x", "MessageAttributes": {name: attribute}}
    assert refusal(sns.publish, **members) == ("ParameterValueInvalid", expected)


@pytest.mark.parametrize("name", ["AWS.x", "amazon.x", ".x", "x.", "x..y", "with space", "x" * 257])
def test_names_of_attributes_that_are_refused(sns: Any, topic: str, name: str) -> None:
    code, _ = refusal(sns.publish, TopicArn=topic, Message="x", MessageAttributes={name: text("b")})
    assert code == "ParameterValueInvalid"


def test_destinations(sns: Any, topic: str, account: Account) -> None:
    assert sns.publish(TargetArn=topic, Message="x" * 262_144)["MessageId"]
    assert refusal(sns.publish, Message="x") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
    )
    assert refusal(sns.publish, PhoneNumber="+15550100", Message="x")[0] == "NotImplemented"
    endpoint = f"arn:aws:sns:us-east-1:{account.account}:endpoint/GCM/app/1"
    assert refusal(sns.publish, TargetArn=endpoint, Message="x")[0] == "NotImplemented"


def test_batches(sns: Any, topic: str) -> None:
    entries = [
        {"Id": "good", "Message": "x"},
        {"Id": "empty", "Message": ""},
        {"Id": "typed", "Message": "x", "MessageAttributes": {"a": text("x", "Number")}},
    ]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    assert [(each["Id"], each["Code"], each["SenderFault"]) for each in answer["Failed"]] == [
        ("empty", "InvalidParameter", True),
        ("typed", "ParameterValueInvalid", True),
    ]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(number), "Message": "x"} for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "1", "Message": "x"}, {"Id": "1", "Message": "y"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "not good", "Message": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(number), "Message": "x" * 140_000} for number in range(2)], "BatchRequestTooLong"),
    ],
)
def test_batches_that_are_refused(sns: Any, topic: str, entries: list[dict[str, str]], code: str) -> None:
    assert refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)[0] == code


def test_no_message_is_on_record(empty_account: Account) -> None:
    account, sns = empty_account, empty_account.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    attributes = {"kind": text("c4n4ry")}
    sns.publish(TopicArn=topic, Message="c4n4ry", Subject="c4n4ry", MessageAttributes=attributes)
    sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[{"Id": "1", "Message": "c4n4ry"}])
    trail = account.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "sns.amazonaws.com"}]
    )["Events"]
    records = {each["EventName"]: each["CloudTrailEvent"] for each in trail}
    assert "c4n4ry" not in "".join(records.values())
    hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert json.loads(records["Publish"])["requestParameters"] == {
        "topicArn": topic, "message": hidden, "subject": hidden, "messageAttributes": hidden,
    }  # fmt: skip
    assert json.loads(records["PublishBatch"])["requestParameters"]["publishBatchRequestEntries"] == [
        {"id": "1", "message": hidden}
    ]
