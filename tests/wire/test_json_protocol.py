"""AWS JSON, with botocore on the other end, and with everything a client should not send."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire import counterpart
from tests.wire.counterpart import REQUEST_ID

from holdfast.api import base, kms, secretsmanager, ssm
from holdfast.api.base import Operation, SerializationException, ServiceError, Shape, ValidationException
from holdfast.wire.json_protocol import JsonProtocol
from holdfast.wire.messages import Request
from holdfast.wire.protocols import UNKNOWN_SERVICE, ServiceProtocols, Target, identify, unknown_operation

PROTOCOL = JsonProtocol("1.1")
JSON_OPERATIONS = list(counterpart.operations("secretsmanager", "kms", "ssm"))


def decode(operation: Operation[Any, Any], body: bytes) -> Any:
    return PROTOCOL.decode(operation, Request("POST", "/", {}, body))


def refusal(operation: Operation[Any, Any], body: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        decode(operation, body)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None, "a cause may hold the body"
    return error


@pytest.mark.parametrize(("service", "name"), JSON_OPERATIONS)
def test_botocore_requests_and_replies_come_through(service: str, name: str) -> None:
    source = random.Random(name)
    model = counterpart.model(service).operation_model(name)
    operation = counterpart.operation(service, name)
    protocols = ServiceProtocols.of(counterpart.api(service).metadata)

    parameters = counterpart.sample(model.input_shape, source)
    request = counterpart.request(service, name, parameters)
    target = identify(request)
    assert target is not None
    assert target == Target("json", name, counterpart.api(service).metadata.target_prefix)
    received = protocols.select(target).decode(operation, request)
    assert type(received) is operation.input
    assert counterpart.from_shape(received) == counterpart.plain(parameters)

    result = counterpart.sample(model.output_shape, source) if model.output_shape else {}
    response = protocols.select(target).encode(operation, counterpart.to_shape(result, operation.output), REQUEST_ID)
    assert counterpart.parse(service, name, response) == result
    assert dict(response.headers) == {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": REQUEST_ID}


# -- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"{}", b" { } ", b'{"Unknown": [1, {"a": null}]}', b'{"SecretId": null}'])
def test_nothing_sent_is_nothing_set(body: bytes) -> None:
    assert decode(secretsmanager.GetSecretValue, body) == secretsmanager.GetSecretValueRequest()


LIST = "Start of list found where not expected"
MAP = "Start of structure or map found where not expected."


@pytest.mark.parametrize(
    ("operation", "member", "value", "text"),
    [
        (secretsmanager.GetSecretValue, "SecretId", 1, "NUMBER_VALUE can not be converted to a String"),
        (secretsmanager.GetSecretValue, "SecretId", 1.5, "NUMBER_VALUE can not be converted to a String"),
        (secretsmanager.GetSecretValue, "SecretId", True, "TRUE_VALUE can not be converted to a String"),
        (secretsmanager.GetSecretValue, "SecretId", False, "FALSE_VALUE can not be converted to a String"),
        (secretsmanager.GetSecretValue, "SecretId", ["a"], LIST),
        (secretsmanager.GetSecretValue, "SecretId", {"a": 1}, MAP),
        (secretsmanager.ListSecrets, "MaxResults", "1", "STRING_VALUE can not be converted to an Integer"),
        (secretsmanager.ListSecrets, "MaxResults", True, "TRUE_VALUE can not be converted to an Integer"),
        (secretsmanager.ListSecrets, "MaxResults", [1], LIST),
        (secretsmanager.ListSecrets, "IncludePlannedDeletion", 1, "NUMBER_VALUE can not be converted to a Boolean"),
        (secretsmanager.ListSecrets, "Filters", "x", "Expected list or null"),
        (secretsmanager.ListSecrets, "Filters", {"a": 1}, MAP),
        (secretsmanager.ListSecrets, "Filters", ["x"], "Expected null"),
        (secretsmanager.ListSecrets, "Filters", [["x"]], LIST),
        (secretsmanager.ListSecrets, "Filters", [{"Values": [1]}], "NUMBER_VALUE can not be converted to a String"),
        (secretsmanager.ListSecrets, "Filters", [{"Values": [None]}], "NULL_VALUE can not be converted to a String"),
        (secretsmanager.RotateSecret, "RotationRules", "x", "Expected null"),
        (kms.Encrypt, "EncryptionContext", "x", "Expected map or null"),
        (kms.Encrypt, "EncryptionContext", {"a": 1}, "NUMBER_VALUE can not be converted to a String"),
        (kms.Encrypt, "Plaintext", 1, "NUMBER_VALUE can not be converted to a Blob"),
        (kms.ImportKeyMaterial, "ValidTo", "now", "STRING_VALUE can not be converted to milliseconds since epoch"),
    ],
)
def test_wrong_types_are_refused_with_awss_texts(
    operation: Operation[Any, Any], member: str, value: Any, text: str
) -> None:
    error = refusal(operation, json.dumps({member: value}).encode())
    assert isinstance(error, SerializationException)
    assert error.message == text


def test_body_that_is_a_list() -> None:
    assert refusal(secretsmanager.GetSecretValue, b"[]").message == LIST


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b'"x"',
        b"1",
        b"nonsense",
        b'{"SecretId": "a",}',
        b'{"SecretId": "a"} {}',
        b"\xef\xbb\xbf{}",
        b'{"SecretId": "\xff"}',
        b'{"SecretId": "a\x00b"}',
        b'{"SecretId": "\\ud800"}',
        b'{"SecretId": "\\udc00x"}',
        b'{"SecretId": "\xed\xa0\x80"}',
        b'{"SecretId": ' * 200_000,
        b"[" * 200_000,
        b'{"SecretId": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_json_is_refused_without_a_text(body: bytes) -> None:
    error = refusal(secretsmanager.GetSecretValue, body)
    assert isinstance(error, SerializationException)
    assert error.message is None


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (kms.Encrypt, b'{"Plaintext": "not base64"}'),
        (kms.Encrypt, b'{"Plaintext": "YQ"}'),
        (secretsmanager.ListSecrets, b'{"MaxResults": 1e400}'),
        (secretsmanager.ListSecrets, b'{"MaxResults": ' + b"9" * 5000 + b"}"),
    ],
)
def test_values_that_cannot_be_read(operation: Operation[Any, Any], body: bytes) -> None:
    assert isinstance(refusal(operation, body), SerializationException)


def test_a_fraction_is_cut_off() -> None:
    body = b'{"MaxResults": 5.9, "Unknown": 1.5, "NextToken": null, "Filters": [{"Key": "name", "Values": ["a"]}]}'
    assert decode(secretsmanager.ListSecrets, body) == secretsmanager.ListSecretsRequest(
        MaxResults=5, Filters=[secretsmanager.Filter(Key="name", Values=["a"])]
    )
    blob = decode(
        kms.GenerateDataKeyPair, b'{"KeyId": "k", "Recipient": {"AttestationDocument": "YQ=="}, "DryRun": true}'
    )
    assert blob.Recipient.AttestationDocument == b"a"


def test_timestamps_are_numbers_of_seconds() -> None:
    assert decode(kms.ImportKeyMaterial, b'{"ValidTo": 1790450994}').ValidTo == 1790450994
    assert decode(kms.ImportKeyMaterial, b'{"ValidTo": 1.790450994802E9}').ValidTo == 1790450994.802


@pytest.mark.parametrize(
    ("operation", "body", "path"),
    [
        (secretsmanager.GetSecretValue, rb'{"SecretId": "a\u0000b"}', "secretId"),
        (secretsmanager.GetSecretValue, rb'{"SecretId": "\\\u0000"}', "secretId"),
        (
            secretsmanager.ListSecrets,
            rb'{"Filters": [{}, {"Values": ["a", "\u0000"]}]}',
            "filters.2.member.values.2.member",
        ),
        (secretsmanager.GetSecretValue, rb'{"\u0000": 1}', ""),
        (secretsmanager.GetSecretValue, rb'{"\u0000": "\u0000"}', ""),
        (secretsmanager.GetSecretValue, rb'{"Unknown": 1e999999, "SecretId": "\u0000"}', ""),
    ],
)
def test_nul_is_refused(operation: Operation[Any, Any], body: bytes, path: str) -> None:
    error = refusal(operation, body)
    assert isinstance(error, ValidationException)
    assert error.message == (
        f"1 validation error detected: Value at '{path}' failed to satisfy constraint: "
        "Member must not contain the character U+0000"
    )


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    assert decode(secretsmanager.GetSecretValue, rb'{"SecretId": "\\u0000"}').SecretId == r"\u0000"
    assert decode(secretsmanager.GetSecretValue, rb'{"SecretId": "\\\\u0000"}').SecretId == r"\\u0000"


OPERATIONS = [secretsmanager.CreateSecret, secretsmanager.ListSecrets, kms.Encrypt, ssm.PutParameter]
NAMES = sorted({name for operation in OPERATIONS for name in operation.input.__struct_fields__})
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "Key"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(OPERATIONS), st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5), st.booleans())
def test_any_json_is_read_or_refused(operation: Operation[Any, Any], value: dict[str, Any], escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    try:
        decoded = decode(operation, body)
    except (SerializationException, ValidationException):
        return
    assert type(decoded) is operation.input
    known = {name for name, entry in value.items() if entry is not None and name in operation.input.__struct_fields__}
    assert {name for name in operation.input.__struct_fields__ if getattr(decoded, name) is not None} == known


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(SerializationException, ValidationException):
        assert isinstance(decode(secretsmanager.CreateSecret, body), secretsmanager.CreateSecretRequest)


# -- replies ----------------------------------------------------------------------------------------------------------


def encode(operation: Operation[Any, Any], output: Shape) -> bytes:
    return PROTOCOL.encode(operation, output, REQUEST_ID).body


def test_members_without_a_value_are_left_out() -> None:
    output = secretsmanager.GetSecretValueResponse(Name="a", CreatedDate=1790450994.802, VersionStages=[])
    assert json.loads(encode(secretsmanager.GetSecretValue, output)) == {
        "Name": "a",
        "CreatedDate": 1790450994.802,
        "VersionStages": [],
    }


def test_an_operation_without_output_has_an_empty_body_and_an_empty_output_an_object() -> None:
    assert encode(secretsmanager.TagResource, secretsmanager.TagResourceOutput()) == b""
    assert encode(kms.DisableKey, kms.DisableKeyOutput()) == b""
    assert encode(ssm.AddTagsToResource, ssm.AddTagsToResourceResult()) == b"{}"


class SilentException(ServiceError):
    code = "SilentException"
    message_member = None
    status = 409


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            secretsmanager.ResourceNotFoundException("Secrets Manager can't find the specified secret."),
            400,
            {
                "__type": "ResourceNotFoundException",
                "Message": "Secrets Manager can't find the specified secret.",
            },
        ),
        (
            kms.NotFoundException("Key 'x' does not exist"),
            400,
            {"__type": "NotFoundException", "message": "Key 'x' does not exist"},
        ),
        (kms.InvalidCiphertextException(), 400, {"__type": "InvalidCiphertextException"}),
        (kms.KMSInternalException("x"), 500, {"__type": "KMSInternalException", "message": "x"}),
        (base.AccessDeniedException("no"), 400, {"__type": "AccessDeniedException", "Message": "no"}),
        (base.ValidationException("bad"), 400, {"__type": "ValidationException", "message": "bad"}),
        (base.SerializationException(), 400, {"__type": "SerializationException"}),
        (base.UnknownOperationException(), 400, {"__type": "UnknownOperationException"}),
        (base.InternalFailure(), 500, {"__type": "InternalFailure"}),
        (base.ServiceUnavailable(), 503, {"__type": "ServiceUnavailableException"}),
        (SilentException("unsaid"), 409, {"__type": "SilentException"}),
        (SilentException(Reason="r", Count=2), 409, {"__type": "SilentException", "Reason": "r", "Count": 2}),
        (base.ValidationException("\ud800"), 400, {"__type": "ValidationException", "message": "?"}),
    ],
)
def test_errors(error: ServiceError, status: int, body: dict[str, Any]) -> None:
    response = PROTOCOL.encode_error(error, REQUEST_ID)
    assert response.status == status
    assert json.loads(response.body) == body
    assert dict(response.headers) == {
        "Content-Type": "application/x-amz-json-1.1",
        "x-amzn-RequestId": REQUEST_ID,
        "x-amzn-ErrorType": body["__type"],
    }
    parsed = counterpart.parse("kms", "DisableKey", response)
    assert parsed["Error"] == {"Code": body["__type"], "Message": body.get("message", body.get("Message", ""))}


# -- which operation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ({"x-amz-target": "secretsmanager.GetSecretValue"}, Target("json", "GetSecretValue", "secretsmanager")),
        (
            {"x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"},
            Target("json", "LookupEvents", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"),
        ),
        ({"x-amz-target": "nonsense"}, Target("json", "nonsense")),
        ({"x-amz-target": ""}, Target("json", "")),
        ({"content-type": "application/x-amz-json-1.0"}, Target("json", "")),
        ({"content-type": "application/json"}, None),
        ({}, None),
    ],
)
def test_identify(headers: dict[str, str], target: Target | None) -> None:
    assert identify(Request("POST", "/", headers, b"{}")) == target


def test_an_unknown_operation_has_no_text() -> None:
    error = unknown_operation(Target("json", "Nonsense", "secretsmanager"))
    response = UNKNOWN_SERVICE.select(Target("json", "Nonsense")).encode_error(error, REQUEST_ID)
    assert response.body == b'{"__type":"UnknownOperationException"}'


def test_the_version_is_the_services() -> None:
    response = ServiceProtocols(json_version="1.0").json.encode_error(base.ThrottlingException("Rate exceeded"), "1")
    assert dict(response.headers)["Content-Type"] == "application/x-amz-json-1.0"
