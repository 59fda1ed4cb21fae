"""What each protocol gets of a message (developer guide, "Parsing Amazon SNS message formats", "Verifying the signatures
of Amazon SNS messages", "Invoking Lambda functions with Amazon SNS notifications").

    http, https, sqs, email-json   a JSON envelope, signed; http and https with headers of their own
    http, https, sqs, raw          the message itself
    lambda                         an event with one record, signed
    email                          the message, and a link to end the subscription

The signature covers the values of certain members, each after its name, in the order of the names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from holdfast.services.outside import Letter
from holdfast.services.sns.messages import CONFIRMATION, GOODBYE, NOTIFICATION, Message, attributes_shown

CERTIFICATE_PATH: Final = "/SimpleNotificationService-"
AGENT: Final = "Amazon Simple Notification Service Agent"
_SIGNED_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SUBJECT = "AWS Notification Message"
CONFIRM_SUBJECT = "AWS Notification - Subscription Confirmation"
GOODBYE_SUBJECT = "AWS Notification - Unsubscribe Confirmation"

Sign = Callable[[bytes, str], bytes]
"""(text, version) -> signature."""


@dataclass(frozen=True, slots=True)
class Signing:
    """How the messages of a topic are signed."""

    sign: Sign
    certificate_url: str
    version: str


@dataclass(frozen=True, slots=True)
class Post:
    """An envelope's addresses."""

    topic_arn: str
    subscription_arn: str
    base: str
    """The server's own address."""
    display_name: str = ""
    """Of the topic: whom its mails say that they come from."""

    @property
    def unsubscribe_url(self) -> str:
        return f"{self.base}/?Action=Unsubscribe&SubscriptionArn={self.subscription_arn}"

    def subscribe_url(self, token: str) -> str:
        return f"{self.base}/?Action=ConfirmSubscription&TopicArn={self.topic_arn}&Token={token}"


def certificate_url(base: str, key_id: str) -> str:
    return f"{base}{CERTIFICATE_PATH}{key_id}.pem"


def confirmation_text(topic_arn: str) -> str:
    return (
        f"You have chosen to subscribe to the topic {topic_arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )


def goodbye_text(subscription_arn: str) -> str:
    return (
        f"You have chosen to deactivate subscription {subscription_arn}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    )


def moment(milliseconds: int) -> str:
    """`2012-05-02T00:54:06.655Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{rest:03d}Z")


def string_to_sign(fields: Mapping[str, Any]) -> bytes:
    names = _SIGNED_NOTIFICATION if fields["Type"] == NOTIFICATION else _SIGNED_CONFIRMATION
    return "".join(f"{name}\n{fields[name]}\n" for name in names if fields.get(name) is not None).encode()


def _fields(message: Message, post: Post) -> dict[str, Any]:
    """The members of an envelope up to its moment, in AWS's order."""
    fields: dict[str, Any] = {"Type": message.kind, "MessageId": message.message_id}
    if message.token:
        fields["Token"] = message.token
    fields["TopicArn"] = post.topic_arn
    if message.subject is not None:
        fields["Subject"] = message.subject
    fields["Message"] = message.text
    if message.token:
        fields["SubscribeURL"] = post.subscribe_url(message.token)
    fields["Timestamp"] = moment(message.time)
    return fields


def _signature(fields: Mapping[str, Any], signing: Signing) -> str:
    return base64.b64encode(signing.sign(string_to_sign(fields), signing.version)).decode()


def envelope(message: Message, post: Post, signing: Signing) -> str:
    """The JSON text of a message."""
    fields = _fields(message, post)
    fields["SignatureVersion"] = signing.version
    fields["Signature"] = _signature(fields, signing)
    fields["SigningCertURL"] = signing.certificate_url
    if message.kind == NOTIFICATION:
        fields["UnsubscribeURL"] = post.unsubscribe_url
        if message.attributes:
            fields["MessageAttributes"] = attributes_shown(message.attributes)
    return json.dumps(fields, ensure_ascii=False, indent=2)


def headers(message: Message, post: Post, content_type: str, *, raw: bool) -> dict[str, str]:
    """The headers of a POST (developer guide, "HTTP/HTTPS headers")."""
    found = {
        "x-amz-sns-message-type": message.kind,
        "x-amz-sns-message-id": message.message_id,
        "x-amz-sns-topic-arn": post.topic_arn,
        "Content-Type": content_type,
        "User-Agent": AGENT,
    }
    if message.kind != CONFIRMATION:
        found["x-amz-sns-subscription-arn"] = post.subscription_arn
    if raw:
        found["x-amz-sns-rawdelivery"] = "true"
    return found


def function_event(message: Message, post: Post, signing: Signing) -> bytes:
    """The event that a function gets."""
    fields = _fields(message, post)
    record: dict[str, Any] = {
        "Type": message.kind,
        "MessageId": message.message_id,
        "TopicArn": post.topic_arn,
        "Subject": message.subject,
        "Message": message.text,
        "Timestamp": fields["Timestamp"],
        "SignatureVersion": signing.version,
        "Signature": _signature(fields, signing),
        "SigningCertUrl": signing.certificate_url,
        "UnsubscribeUrl": post.unsubscribe_url,
        "MessageAttributes": attributes_shown(message.attributes),
    }
    if message.token:
        record |= {"Token": message.token, "SubscribeUrl": fields["SubscribeURL"]}
    entry = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": post.subscription_arn,
        "Sns": record,
    }
    return json.dumps({"Records": [entry]}, ensure_ascii=False, separators=(",", ":")).encode()


def letter(message: Message, post: Post, to: str) -> Letter:
    """The mail of protocol email."""
    if message.kind == NOTIFICATION:
        text = (
            f"{message.text}\n\n--\n"
            "If you wish to stop receiving notifications from this topic, please click or visit the link below to"
            f" unsubscribe:\n{post.unsubscribe_url}\n"
        )
        return Letter(
            to, message.subject or SUBJECT, text, {"List-Unsubscribe": f"<{post.unsubscribe_url}>"}, post.display_name
        )
    link = post.subscribe_url(message.token)
    if message.kind == GOODBYE:
        text = (
            f"Your subscription to the topic below has been deactivated:\n{post.topic_arn}\n\n"
            f"If this was not your intention, click or visit the link below to resubscribe:\n{link}\n"
        )
        return Letter(to, GOODBYE_SUBJECT, text, sender_name=post.display_name)
    text = (
        f"You have chosen to subscribe to the topic:\n{post.topic_arn}\n\n"
        "To confirm this subscription, click or visit the link below (If this was in error no action is necessary):\n"
        f"{link}\n"
    )
    return Letter(to, CONFIRM_SUBJECT, text, sender_name=post.display_name)


def json_letter(message: Message, post: Post, signing: Signing, to: str) -> Letter:
    """The mail of protocol email-json."""
    subjects = {NOTIFICATION: message.subject or SUBJECT, CONFIRMATION: CONFIRM_SUBJECT, GOODBYE: GOODBYE_SUBJECT}
    text = envelope(message, post, signing) + "\n"
    return Letter(to, subjects[message.kind], text, sender_name=post.display_name)
