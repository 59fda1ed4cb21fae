"""Bad requests, as data: what is sent, and what AWS answers. Add a line to add a case.

`body` is sent as it stands (bytes) or as JSON; `sign` says what is wrong with the signature, if anything is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
    "signing method. Consult the service documentation for details."
)
LONG = "x" * 3000


@dataclass(frozen=True)
class Case:
    """One bad request."""

    name: str
    code: str
    """`__type` of the answer."""
    message: str | None = None
    """The exact text, or its beginning when it ends with `…`; None: no text at all."""
    target: str = "secretsmanager.GetSecretValue"
    service: str = "secretsmanager"
    body: Any = field(default_factory=lambda: {"SecretId": "kept"})
    sign: str = "right"
    """right, none, wrong-secret, wrong-key, body-changed, header-added, past, future, wrong-service, wrong-region,
    wrong-date, wrong-terminator, no-signature, garbage, token."""
    status: int = 400


def validation(path: str, constraint: str, value: str | None) -> str:
    """AWS's text for one violated constraint."""
    shown = " null" if value is None else f" '{value}'"
    return f"1 validation error detected: Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


SIGNATURES = [
    Case("unsigned", "MissingAuthenticationTokenException", "Missing Authentication Token", sign="none"),
    Case("wrong secret", "InvalidSignatureException", SIGNATURE, sign="wrong-secret"),
    Case("unknown key", "UnrecognizedClientException", "The security token included in the request is invalid.", sign="wrong-key"),
    Case("session token with a long-term key", "UnrecognizedClientException", "The security token included in the request is invalid.", sign="token"),
    Case("body changed on the way", "InvalidSignatureException", SIGNATURE, sign="body-changed"),
    Case("x-amz header added on the way", "InvalidSignatureException", "…", sign="header-added"),
    Case("clock behind", "InvalidSignatureException", "Signature expired: …", sign="past"),
    Case("clock ahead", "InvalidSignatureException", "Signature not yet current: …", sign="future"),
    Case("scope of another service", "InvalidSignatureException", "Credential should be scoped to correct service: 'secretsmanager'. ", sign="wrong-service"),
    Case("scope of no region", "InvalidSignatureException", "Credential should be scoped to a valid region, not 'nowhere-1'. ", sign="wrong-region"),
    Case("scope of another day", "InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: …", sign="wrong-date"),
    Case("scope without terminator", "InvalidSignatureException", "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'.", sign="wrong-terminator"),
    Case("no signature part", "IncompleteSignatureException", "Authorization header requires 'Signature' parameter. …", sign="no-signature"),
    Case("garbage for a signature", "IncompleteSignatureException", "…", sign="garbage"),
]  # fmt: skip

BODIES = [
    Case("not JSON", "SerializationException", None, body=b"{"),
    Case("empty array", "SerializationException", "…", body=b"[]"),
    Case("a number", "SerializationException", None, body=b"17"),
    Case("not UTF-8", "SerializationException", None, body=b'{"SecretId":"\xff\xfe"}'),
    Case("deeply nested", "SerializationException", None, body=b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    Case("number for a text", "SerializationException", "NUMBER_VALUE can not be converted to a String", body={"SecretId": 1}),
    Case("object for a text", "SerializationException", "…", body={"SecretId": {}}),
    Case("text for a number", "SerializationException", "STRING_VALUE can not be converted to an Integer", target="secretsmanager.ListSecrets", body={"MaxResults": "ten"}),
    Case("bad base64", "SerializationException", None, target="secretsmanager.PutSecretValue", body={"SecretId": "kept", "SecretBinary": "*", "ClientRequestToken": "0" * 32}),
    Case("NUL in a text", "ValidationException", "…", body={"SecretId": "a\0b"}),
    Case("NUL in a value", "ValidationException", "…", target="secretsmanager.PutSecretValue", body={"SecretId": "kept", "SecretString": "a\0b", "ClientRequestToken": "0" * 32}),
]  # fmt: skip

TARGETS = [
    Case("unknown operation", "UnknownOperationException", None, target="secretsmanager.GetSecret"),
    Case("unknown service", "UnknownOperationException", None, target="DynamoDB_20120810.GetItem"),
    Case("no target", "UnknownOperationException", None, target=""),
    Case("an absent operation says so by name", "NotImplementedException", "Holdfast does not implement secretsmanager:ReplicateSecretToRegions yet.", target="secretsmanager.ReplicateSecretToRegions"),
]  # fmt: skip

VALUES = [
    Case("missing member", "ValidationException", validation("secretId", "Member must not be null", None), body={}),
    Case("null member", "ValidationException", validation("secretId", "Member must not be null", None), body={"SecretId": None}),
    Case("empty id", "ValidationException", validation("secretId", "Member must have length greater than or equal to 1", ""), body={"SecretId": ""}),
    Case("long id", "ValidationException", validation("secretId", "Member must have length less than or equal to 2048", LONG), body={"SecretId": LONG}),
    Case("two at once", "ValidationException", "2 validation errors detected: …", body={"SecretId": "", "VersionId": "short"}),
    Case("unknown filter", "ValidationException", "1 validation error detected: Value 'colour' at 'filters.1.member.key' failed to satisfy constraint: Member must satisfy enum value set: …", target="secretsmanager.ListSecrets", body={"Filters": [{"Key": "colour", "Values": ["red"]}]}),
    Case("forged page token", "InvalidNextTokenException", "…", target="secretsmanager.ListSecrets", body={"NextToken": "AAAA"}),
    Case("hostile secret name", "InvalidParameterException", "Invalid name. …", target="secretsmanager.CreateSecret", body={"Name": "../../etc/passwd\u202e'; DROP TABLE secret; --", "SecretString": "x", "ClientRequestToken": "0" * 32}),
    Case("a secret that is not there", "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", body={"SecretId": "absent"}),
    Case("another account's secret", "AccessDeniedException", "…", body={"SecretId": "arn:aws:secretsmanager:us-east-1:999999999999:secret:theirs-AbCdEf"}),
    Case("write without a token", "InvalidRequestException", "You must provide a ClientRequestToken value. We recommend a UUID-type value.", target="secretsmanager.PutSecretValue", body={"SecretId": "kept", "SecretString": "new"}),
    Case("hostile parameter name", "ValidationException", "Parameter name: can't be prefixed with \"ssm\" …", service="ssm", target="AmazonSSM.PutParameter", body={"Name": "/a/../b c", "Value": "v", "Type": "String"}),
    Case("reserved parameter name", "AccessDeniedException", "No access to reserved parameter name: …", service="ssm", target="AmazonSSM.PutParameter", body={"Name": "/aws/mine", "Value": "v", "Type": "String"}),
    Case("parameter too long", "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters. …", service="ssm", target="AmazonSSM.PutParameter", body={"Name": "/long", "Value": "v" * 4097, "Type": "String"}),
    Case("unknown parameter type", "ValidationException", "1 validation error detected: Value 'Text' at 'type' failed to satisfy constraint: Member must satisfy enum value set: …", service="ssm", target="AmazonSSM.PutParameter", body={"Name": "/t", "Value": "v", "Type": "Text"}),
    Case("catastrophic pattern", "ParameterPatternMismatchException", "…", service="ssm", target="AmazonSSM.PutParameter", body={"Name": "/re", "Value": "a" * 4000 + "!", "Type": "String", "AllowedPattern": "(a+)+b"}),
    Case("a parameter that is not there", "ParameterNotFound", None, service="ssm", target="AmazonSSM.GetParameter", body={"Name": "/absent"}),
    Case("garbage ciphertext", "InvalidCiphertextException", None, service="kms", target="TrentService.Decrypt", body={"CiphertextBlob": "AAAA"}),
    Case("a key that is not there", "NotFoundException", "Key 'arn:aws:kms:…", service="kms", target="TrentService.DescribeKey", body={"KeyId": "11111111-2222-3333-4444-555555555555"}),
]  # fmt: skip

CASES = [*SIGNATURES, *BODIES, *TARGETS, *VALUES]
