"""REST-JSON, with botocore on the other end, and with everything a client should not send."""

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

from holdfast.api import lambda_
from holdfast.api.base import (
    AccessDeniedException,
    Operation,
    SerializationException,
    ServiceError,
    UnknownOperationException,
    ValidationException,
)
from holdfast.wire.messages import Request
from holdfast.wire.protocols import identify
from holdfast.wire.rest_json import RestJsonProtocol
from holdfast.wire.rest_routes import RestRoutes, labels
from holdfast.wire.sigv4_errors import UnrecognizedClientException
from holdfast.wire.sigv4_parse import signed_service

PROTOCOL = RestJsonProtocol()
SERVICES = ("lambda", "appconfig", "appconfigdata")
OPERATIONS = list(counterpart.operations(*SERVICES))
ROUTES = {service: RestRoutes(counterpart.api(service)) for service in SERVICES}
CLEAN = ("a", "value-1", "x.y_z", "arn:aws:lambda:us-east-1:123456789012:function:f", "100%+=&;#", "blank inside")
"""Texts that a path, a query and a header can carry."""


def bound(value: Any, shape: Any, source: random.Random) -> Any:
    """A sample whose members outside the body are texts that can stand there."""
    for name, member in shape.members.items():
        place = member.serialization.get("location")
        if place is None or name not in value:
            if place == "uri":
                value[name] = "a"
            continue
        if place == "statusCode":
            value[name] = source.choice((200, 202, 204))
        elif member.type_name == "list":
            value[name] = [source.choice(CLEAN) for _ in range(2)]
        elif member.type_name == "string":
            value[name] = source.choice(CLEAN)
    return value


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_botocore_requests_and_replies_come_through(service: str, name: str) -> None:
    source = random.Random(name)
    model = counterpart.model(service).operation_model(name)
    operation = counterpart.operation(service, name)
    shape = model.input_shape
    parameters = bound(counterpart.sample(shape, source), shape, source) if shape else {}
    request = counterpart.request(service, name, parameters)
    assert identify(request) is None
    assert ROUTES[service].find(request.method, request.target) is operation
    received = PROTOCOL.decode(operation, request)
    assert type(received) is operation.input
    assert nothing_empty(counterpart.from_shape(received)) == nothing_empty(counterpart.plain(parameters))

    output = model.output_shape
    result = bound(counterpart.sample(output, source), output, source) if output else {}
    response = PROTOCOL.encode(operation, counterpart.to_shape(result, operation.output), REQUEST_ID)
    parsed = counterpart.parse(service, name, response)
    streams = [name for name, value in parsed.items() if hasattr(value, "read")]
    parsed.update({name: parsed[name].read() for name in streams})
    assert nothing_empty(parsed) == nothing_empty(result)


def nothing_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Without what a body of raw bytes cannot tell from nothing."""
    return {name: content for name, content in value.items() if content != b""}


# -- routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/2015-03-31/functions", "ListFunctions"),
        ("GET", "/2015-03-31/functions/", "ListFunctions"),
        ("GET", "/2015-03-31/functions?MaxItems=1", "ListFunctions"),
        ("POST", "/2015-03-31/functions", "CreateFunction"),
        ("GET", "/2015-03-31/functions/f", "GetFunction"),
        ("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/policy", "GetPolicy"),
        ("GET", "/2015-03-31/functions/a%2Fb", "GetFunction"),
        ("GET", "/2015-03-31/functions/configuration/configuration", "GetFunctionConfiguration"),
        ("PATCH", "/2015-03-31/functions", None),
        ("GET", "/2015-03-31//functions", None),
        ("GET", "/2015-03-31/functions/../functions", None),
        ("GET", "/2015-03-31/./functions", None),
        ("GET", "/2015-03-31/functions//", None),
        ("GET", "/2015-03-31/Functions", None),
        ("GET", "/", None),
        ("GET", "", None),
        ("GET", "*", None),
        ("GET", "/" + "a/" * 5000, None),
    ],
)  # fmt: skip
def test_routes(method: str, target: str, name: str | None) -> None:
    found = RestRoutes(lambda_.API).find(method, target)
    assert (found and found.name) == name


def test_labels_are_decoded_once() -> None:
    template = "/a/{One}/b/{Rest+}"
    assert labels(template, "/a/x%252Fy/b/p/q%20r?z=1") == {"One": b"x%2Fy", "Rest": b"p/q r"}


@pytest.mark.parametrize(
    ("request_", "service"),
    [
        (Request("GET", "/x", {"authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"}), "lambda"),
        (Request("GET", "/x?X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fappconfig%2Faws4_request", {}), "appconfig"),
        (Request("GET", "/x", {"authorization": "Credential=a/b"}), ""),
        (Request("GET", "/x", {}), ""),
    ],
)  # fmt: skip
def test_the_service_that_a_request_says_it_is_signed_for(request_: Request, service: str) -> None:
    assert signed_service(request_) == service


# -- requests ---------------------------------------------------------------------------------------------------------


def decode(operation: Operation[Any, Any], target: str, body: bytes = b"", **headers: str) -> Any:
    return PROTOCOL.decode(operation, Request(operation.http_method, target, headers, body))


def refusal(operation: Operation[Any, Any], target: str, body: bytes = b"", **headers: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        decode(operation, target, body, **headers)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None, "a cause may hold the request"
    return error


def test_a_member_of_the_path_is_never_read_from_the_body() -> None:
    body = json.dumps({"FunctionName": "other", "Qualifier": "other", "StatementId": "s"}).encode()
    value = decode(lambda_.AddPermission, "/2015-03-31/functions/f/policy", body)
    assert (value.FunctionName, value.Qualifier, value.StatementId) == ("f", None, "s")
    twice = decode(lambda_.AddPermission, "/2015-03-31/functions/f/policy?Qualifier=1&Qualifier=2")
    assert twice.Qualifier == "2"


def test_a_body_of_bytes_is_taken_as_it_is() -> None:
    value = decode(lambda_.Invoke, "/2015-03-31/functions/f/invocations", b"\x00\xff{")
    assert value.Payload == b"\x00\xff{"
    assert decode(lambda_.Invoke, "/2015-03-31/functions/f/invocations").Payload is None


@pytest.mark.parametrize(
    ("operation", "target", "body", "kind", "text"),
    [
        (lambda_.ListFunctions, "/2015-03-31/functions?MaxItems=x", b"", SerializationException, "STRING_VALUE can not be converted to an Integer"),
        (lambda_.ListFunctions, "/2015-03-31/functions?Marker=%ff", b"", SerializationException, None),
        (lambda_.ListFunctions, "/2015-03-31/functions?%ff=1", b"", SerializationException, None),
        (lambda_.ListFunctions, "/2015-03-31/functions?" + "a=1&" * 1001, b"", SerializationException, None),
        (lambda_.GetFunction, "/2015-03-31/functions/%ff", b"", SerializationException, None),
        (lambda_.GetFunction, "/2015-03-31/functions/a%00", b"", ValidationException, "1 validation error detected: Value at 'functionName' failed to satisfy constraint: Member must not contain the character U+0000"),
        (lambda_.CreateFunction, "/2015-03-31/functions", b"{", SerializationException, None),
        (lambda_.CreateFunction, "/2015-03-31/functions", b"[]", SerializationException, "Start of list found where not expected"),
        (lambda_.CreateFunction, "/2015-03-31/functions", b'{"Timeout": "x"}', SerializationException, "STRING_VALUE can not be converted to an Integer"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(
    operation: Operation[Any, Any], target: str, body: bytes, kind: type[ServiceError], text: str | None
) -> None:
    error = refusal(operation, target, body)
    assert isinstance(error, kind)
    assert error.message == text


@given(st.binary(max_size=200), st.text(alphabet=st.characters(max_codepoint=255), max_size=80))
def test_whatever_is_sent_is_read_or_refused(body: bytes, query: str) -> None:
    for operation in (lambda_.CreateFunction, lambda_.UpdateAlias, lambda_.Invoke, lambda_.UntagResource):
        path = operation.http_path.replace("{FunctionName}", "f").replace("{Name}", "n").replace("{Resource}", "r")
        with contextlib.suppress(SerializationException, ValidationException):
            decode(operation, f"{path}?{query}", body)


# -- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (lambda_.ResourceNotFoundException("Function not found: x"), 404, {"Message": "Function not found: x", "Type": "User"}),
        (lambda_.ServiceException("broken"), 500, {"Message": "broken", "Type": "Service"}),
        (lambda_.TooManyRequestsException("Rate Exceeded.", Reason="r"), 429, {"message": "Rate Exceeded.", "Reason": "r", "Type": "User"}),
        (lambda_.PreconditionFailedException("no"), 412, {"message": "no", "Type": "User"}),
        (AccessDeniedException("no"), 403, {"Message": "no"}),
        (UnrecognizedClientException(), 403, {"message": "The security token included in the request is invalid."}),
        (UnknownOperationException(), 404, {}),
        (ValidationException("\ud800"), 400, {"message": "?"}),
    ],
)  # fmt: skip
def test_errors(error: ServiceError, status: int, body: dict[str, str]) -> None:
    response = PROTOCOL.encode_error(error, REQUEST_ID)
    assert (response.status, json.loads(response.body)) == (status, body)
    headers = dict(response.headers)
    assert headers["x-amzn-ErrorType"] == error.code
    assert headers["x-amzn-RequestId"] == REQUEST_ID
    parsed = counterpart.parse("lambda", "Invoke", response)
    assert parsed["Error"]["Code"] == error.code
