"""Secrets read through Parameter Store: `/aws/reference/secretsmanager/<secret id>[:<version id or staging label>]`.

Nothing is kept here. The caller must be allowed to get the parameter of that name; then Secrets Manager is asked on the
caller's behalf, and it asks KMS: three permissions, each checked as the caller's own. What Secrets Manager refuses is
passed on with a prefix that says who refused (Systems Manager user guide, "Referencing AWS Secrets Manager secrets from
Parameter Store parameters").

INVARIANT: a reference gives nothing that GetSecretValue would not give the same caller.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from holdfast.api import secretsmanager
from holdfast.api import ssm as api
from holdfast.api.base import AccessDeniedException, ServiceError, ValidationException
from holdfast.services.ssm.rules import NAME_TEXT, SECURE_STRING, arn_of, sent_name
from holdfast.services.ssm.values import SERVICE

if TYPE_CHECKING:
    from holdfast.services.call import Call

PREFIX = "/aws/reference/secretsmanager/"
NEEDS_DECRYPTION = "WithDecryption flag must be True for retrieving a Secret Manager secret."

_SELECTOR = re.compile("[A-Za-z0-9._-]+")
_VERSION_ID = re.compile("[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTML_SAFE = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&='\u2028\u2029"})
"""What AWS's JSON writer (Gson) escapes besides what JSON demands: text that is safe inside a page."""


# -- what a reference says ---------------------------------------------------------------------------------------------


class SecretReference(NamedTuple):
    """A reference taken apart."""

    sent: str
    """As the caller spelled it."""
    secret_id: str
    """A name or an ARN, for Secrets Manager."""
    selector: str
    """Empty for the current version."""
    arn: str
    """Of the parameter, without the selector: what the caller must be allowed to get."""
    account: str
    """Whose parameter it would be."""
    local: bool
    """Whether it was asked for in the region and partition that the call was sent to."""

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.secret_id}"

    @property
    def well_formed(self) -> bool:
        """Staging labels with other characters exist, but cannot be referred to."""
        return bool(self.secret_id) and (self.selector == "" or _SELECTOR.fullmatch(self.selector) is not None)

    @property
    def selects_version(self) -> bool:
        return _VERSION_ID.fullmatch(self.selector) is not None


def parse_secret_reference(text: str, partition: str, region: str, account: str) -> SecretReference | None:
    """The reference in a parameter's name or ARN; None when it is the name of a parameter.

    The characters of a parameter's name are not demanded: secrets have `/`, `+`, `=` and `@` in theirs.
    """
    text = text.strip(" ")
    sent = sent_name(text, partition, region, account)
    if sent is None:
        return None
    path = sent.text if sent.text.startswith("/") else f"/{sent.text}"
    if not path.startswith(PREFIX):
        return None
    secret_id, selector = _split(path.removeprefix(PREFIX))
    name = arn_of(sent.partition, sent.region, sent.account, f"{PREFIX}{secret_id}")
    return SecretReference(text, secret_id, selector, name, sent.account, sent.local)


def _split(text: str) -> tuple[str, str]:
    """The secret's id and the selector; a colon without anything after it makes a selector that is not well formed."""
    # The seventh colon of an ARN is the first one that does not belong to it.
    parts = text.split(":", 7 if text.startswith("arn:") else 1)
    expected = 7 if text.startswith("arn:") else 1
    secret_id = ":".join(parts[:expected])
    if len(parts) <= expected:
        return secret_id, ""
    return secret_id, parts[expected] or ":"


# -- reading -----------------------------------------------------------------------------------------------------------


def authorize(call: Call, action: str, reference: SecretReference, with_decryption: bool | None) -> None:
    """Raise ValidationException for a read without decryption, AccessDeniedException unless the caller may read it."""
    if not with_decryption:
        raise ValidationException(NEEDS_DECRYPTION)
    call.authorize(action, reference.arn, owner=reference.account)


def secret_parameter(call: Call, reference: SecretReference) -> api.Parameter:
    """The secret as a parameter; the caller was authorized for the reference before.

    Raises ParameterNotFound, AccessDeniedException and ValidationException with the text of Secrets Manager.
    """
    if not reference.well_formed:
        raise ValidationException(NAME_TEXT)
    if not reference.local:
        raise _not_found(reference)
    request = secretsmanager.GetSecretValueRequest(SecretId=reference.secret_id)
    if reference.selects_version:
        request.VersionId = reference.selector
    elif reference.selector:
        request.VersionStage = reference.selector
    try:
        got = call.on_behalf(secretsmanager.GetSecretValue, request, by=SERVICE)
    except secretsmanager.ResourceNotFoundException:
        raise _not_found(reference) from None
    except AccessDeniedException as error:
        raise AccessDeniedException(_referencing(error)) from None
    except ServiceError as error:
        raise ValidationException(_referencing(error)) from None
    return _parameter(reference, got)


def _referencing(error: ServiceError) -> str:
    return f"An error occurred ({error.code}) when referencing Secrets Manager: {error.message}"


def _not_found(reference: SecretReference) -> api.ParameterNotFound:
    error = api.ParameterNotFound(f"Secret {reference.sent} not found.")
    return api.ParameterNotFound(_referencing(error))


def _parameter(reference: SecretReference, got: secretsmanager.GetSecretValueResponse) -> api.Parameter:
    binary = None if got.SecretBinary is None else base64.b64encode(got.SecretBinary).decode()
    return api.Parameter(
        Name=reference.name,
        Type=SECURE_STRING,
        Value=got.SecretString if binary is None else binary,
        Version=0,
        Selector=f":{reference.selector}" if reference.selector else None,
        SourceResult=source_result(got, binary),
        LastModifiedDate=got.CreatedDate,
        ARN=got.ARN,
    )


# -- SourceResult ------------------------------------------------------------------------------------------------------


def source_result(got: secretsmanager.GetSecretValueResponse, binary: str | None) -> str:
    """What Secrets Manager answered, as the JSON text that AWS's Java makes of it; `binary` is the value in base64."""
    assert got.CreatedDate is not None
    members: dict[str, object] = {
        "ARN": got.ARN,
        "name": got.Name,
        "versionId": got.VersionId,
        "secretBinary": binary,
        "secretString": got.SecretString,
        "versionStages": got.VersionStages,
        "createdDate": medium_date(got.CreatedDate),
    }
    present = {name: value for name, value in members.items() if value is not None}
    return msgspec.json.encode(present).decode().translate(_HTML_SAFE)


def medium_date(seconds: float) -> str:
    """`Sep 26, 2026, 7:29:54 PM`: Java's medium format for the United States, in UTC."""
    moment = datetime.fromtimestamp(int(seconds), UTC)
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{_MONTHS[moment.month - 1]} {moment.day}, {moment.year}, {hour}:{moment:%M:%S} {half}"
