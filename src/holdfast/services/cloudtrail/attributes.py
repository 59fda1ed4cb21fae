"""What a record can be looked up by: LookupEvents' attributes, and an error code.

Read from the record itself, so that its marks, a lookup's comparison and the answer's members cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from holdfast.services.cloudtrail.marks import Term

Record = Mapping[str, Any]
"""A decoded record."""

_SUFFIX = 7
"""A hyphen and six characters: what Secrets Manager adds to a name in its ARN."""


def user_name(identity: Mapping[str, Any]) -> str:
    """CloudTrail's `Username` of a `userIdentity` element; empty when it has none."""
    kind = identity.get("type")
    if name := identity.get("userName"):
        return name
    if kind == "Root":
        return "root"
    if kind in ("AssumedRole", "FederatedUser", "Operator"):
        return str(identity.get("principalId", "")).rpartition(":")[2]
    if kind == "IAMUser":
        return str(identity.get("arn", "")).rpartition("/")[2]
    return "" if kind == "AWSAccount" else identity.get("invokedBy", "")


@lru_cache(maxsize=1024)
def resource_names(value: str) -> tuple[str, ...]:
    """The names of a resource without its ARN: of a secret its name, of a key its id, of a user the user's name.

    A value that is no ARN is a name already. A parameter's ARN does not tell whether its name begins with a slash, so it
    has both.
    """
    parts = value.split(":", 5)
    if parts[0] != "arn" or len(parts) != 6:
        return (value,)
    service, resource = parts[2], parts[5]
    if service == "secretsmanager":
        name = resource.removeprefix("secret:")
        return (name[:-_SUFFIX], name) if len(name) > _SUFFIX and name[-_SUFFIX] == "-" else (name,)
    if service == "ssm":
        name = resource.removeprefix("parameter")
        return (name, name.removeprefix("/"))
    if service == "kms":
        return (resource.removeprefix("key/"),)
    if service in ("iam", "sts"):
        return (resource.rpartition("/")[2],)
    return (resource,)


def resources_of(record: Record) -> Iterator[tuple[str, str]]:
    """(type, ARN) of each resource; the type is empty where CloudTrail gives none."""
    for resource in cast("list[dict[str, str]]", record.get("resources") or ()):
        yield resource.get("type", ""), resource.get("ARN", "")
    if record.get("eventType") == "AwsServiceEvent" and (data := record.get("additionalEventData")):
        # The only place where Secrets Manager's service events say what they are about.
        yield "AWS::SecretsManager::Secret", data.get("SecretId", "")


def terms_of(record: Record) -> Iterator[Term]:
    """Everything that marks are made of. A part of a record gives the part's terms."""
    if name := record.get("eventName"):
        yield "EventName", name
        yield "EventSource", record["eventSource"]
        yield "ReadOnly", "true" if record["readOnly"] else "false"
    if identity := record.get("userIdentity"):
        yield "Username", user_name(identity)
        if key := identity.get("accessKeyId"):
            yield "AccessKeyId", key
    if code := record.get("errorCode"):
        yield "ErrorCode", code
    for kind, arn in resources_of(record):
        yield "ResourceType", kind
        for name in resource_names(arn):
            yield "ResourceName", name


def terms_of_lookup(attribute: str, value: str) -> Iterator[Term]:
    """What the marks of every record that fits must have."""
    if attribute == "ResourceName":
        yield attribute, resource_names(value)[0]
    else:
        yield attribute, value


def fits(record: Record, attribute: str, value: str) -> bool:
    """Whether a record is one of those looked up."""
    match attribute:
        case "EventId":
            return record["eventID"] == value
        case "RequestId":
            return record.get("requestID") == value
        case "AccountId":
            return record.get("recipientAccountId") == value
        case "ResourceName":
            return any(arn == value or value in resource_names(arn) for _, arn in resources_of(record))
        case _:
            return (attribute, value) in set(terms_of(record))
