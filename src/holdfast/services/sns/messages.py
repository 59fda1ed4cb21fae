"""A message from Publish to a delivery, and what Publish takes ("Publish", API reference); pure but for the ids.

INVARIANT: no error repeats a message, a subject or the value of an attribute.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from holdfast.api import sns as api
from holdfast.services.sns.filters import Attribute
from holdfast.services.sns.identifiers import invalid

LARGEST: Final = 262_144
"""Bytes of a message with its attributes."""
LONGEST_SUBJECT: Final = 100
_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_RESERVED = ("aws.", "amazon.")
_GROUP = re.compile(r"[!-~]{1,128}")
GROUP_CHARACTERS = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length"
_TYPE = re.compile(r"(String|Number|Binary)(\.[A-Za-z0-9_.-]+)?")
NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
GOODBYE = "UnsubscribeConfirmation"


class Message(msgspec.Struct, omit_defaults=True):
    """What a delivery or a fan-out carries; sealed wherever it is kept. Its repr shows ids only."""

    kind: str
    message_id: str
    time: int
    """Service time, ms, of its publication."""
    text: str
    subject: str | None = None
    attributes: dict[str, Attribute] = {}
    by_protocol: dict[str, str] = {}
    """MessageStructure json: texts for single protocols; `text` is the default one."""
    token: str = ""
    """Of a confirmation."""
    subscription: str = ""
    """Of a dead letter: for whom it was."""
    group: str = ""
    """MessageGroupId: forwarded to queues, and to nothing else ("For standard topics", API reference, Publish)."""

    def __repr__(self) -> str:
        return f"Message({self.kind}, {self.message_id})"

    def for_protocol(self, protocol: str) -> Message:
        """The message that an endpoint of a protocol gets."""
        if not self.by_protocol:
            return self
        return msgspec.structs.replace(self, text=self.by_protocol.get(protocol, self.text), by_protocol={})


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Message).decode


def size_of(value: api.PublishInput | api.PublishBatchRequestEntry) -> int:
    """Bytes that count: of the message, and of names, types and values of its attributes."""
    size = len((value.Message or "").encode())
    for name, attribute in (value.MessageAttributes or {}).items():
        size += len(name.encode()) + len((attribute.DataType or "").encode())
        size += len((attribute.StringValue or "").encode()) + len(attribute.BinaryValue or b"")
    return size


def message_of(value: api.PublishInput | api.PublishBatchRequestEntry, message_id: str, now: int) -> Message:
    """The message of a request; InvalidParameterException, InvalidParameterValueException."""
    if not value.Message:
        raise invalid("Empty message")
    if size_of(value) > LARGEST:
        raise invalid("Message too long")
    _check_subject(value.Subject)
    if value.MessageDeduplicationId is not None:
        raise invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for"
            " this topic type"
        )
    group = value.MessageGroupId
    if group is not None and _GROUP.fullmatch(group) is None:
        raise invalid(f"MessageGroupId Reason: {GROUP_CHARACTERS}")
    attributes = {name: _attribute(name, given) for name, given in (value.MessageAttributes or {}).items()}
    texts: dict[str, str] = {}
    text = value.Message
    if value.MessageStructure is not None:
        if value.MessageStructure != "json":
            raise invalid("MessageStructure")
        texts = _texts(value.Message)
        text = texts.pop("default")
    return Message(NOTIFICATION, message_id, now, text, value.Subject, attributes, texts, group=group or "")


def _check_subject(subject: str | None) -> None:
    if subject is None:
        return
    if not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isascii() or not subject.isprintable():
        raise invalid("Subject")
    if subject[0] == " ":
        raise invalid("Subject")


def _texts(message: str) -> dict[str, str]:
    try:
        given: Any = json.loads(message)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    texts = {name: text for name, text in cast("dict[str, Any]", given).items() if isinstance(text, str)}
    if not texts.get("default"):
        raise invalid("Message Structure - No default entry in JSON message body")
    return texts


def _attribute(name: str, given: api.MessageAttributeValue) -> Attribute:
    if len(name) > 256 or _ATTRIBUTE_NAME.fullmatch(name) is None or name.lower().startswith(_RESERVED):
        raise _bad_attribute(
            f"The message attribute name can contain the characters A-Z, a-z, 0-9, underscore (_), hyphen (-), and period"
            f" (.). The name must not start with AWS. or Amazon. (or any variations), or start or end with a period: {name}"
        )
    kind = given.DataType or ""
    found = _TYPE.fullmatch(kind)
    if found is None:
        raise _bad_attribute(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is"
            " Binary, Number, and String."
        )
    prefix = found[1]
    if prefix == "Binary":
        if given.StringValue is not None:
            raise _bad_attribute(f"The message attribute '{name}' with type '{kind}' must use field 'Binary'.")
        if not given.BinaryValue:
            raise _empty(name, kind)
        return Attribute(kind, base64.b64encode(given.BinaryValue).decode())
    if given.BinaryValue is not None:
        raise _bad_attribute(f"The message attribute '{name}' with type '{kind}' must use field 'String'.")
    if not given.StringValue:
        raise _empty(name, kind)
    if prefix == "Number" and not _is_number(given.StringValue):
        raise _bad_attribute(f"Could not cast message attribute '{name}' value to number.")
    if kind == "String.Array":
        _check_array(name, given.StringValue)
    return Attribute(kind, given.StringValue)


def _is_number(text: str) -> bool:
    return (
        re.fullmatch(r"[+-]?(?:[0-9]{1,128}(?:\.[0-9]{0,128})?|\.[0-9]{1,128})(?:[eE][+-]?[0-9]{1,3})?", text)
        is not None
    )


def _check_array(name: str, text: str) -> None:
    try:
        members: Any = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, list) or any(isinstance(each, list | dict) for each in cast("list[Any]", members)):
        raise _bad_attribute(f"The message attribute '{name}' of type 'String.Array' must be a JSON array of scalars.")


def _empty(name: str, kind: str) -> api.InvalidParameterValueException:
    return _bad_attribute(
        f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'."
    )


def _bad_attribute(text: str) -> api.InvalidParameterValueException:
    return api.InvalidParameterValueException(text)


def attributes_shown(attributes: Mapping[str, Attribute]) -> dict[str, dict[str, str]]:
    """Attributes as a notification shows them."""
    return {name: {"Type": attribute.kind, "Value": attribute.value} for name, attribute in attributes.items()}
