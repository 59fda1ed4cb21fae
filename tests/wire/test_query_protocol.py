"""AWS Query, with botocore on the other end: STS, and IAM, SNS and SimpleDB generated here for their harder models.

IAM and SNS have maps, recursive results and operations without output; SimpleDB has flattened lists and members under
other names.
"""

from __future__ import annotations

import contextlib
import json
import random
from typing import Annotated, Any
from urllib.parse import quote_plus, urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire import counterpart
from tests.wire.counterpart import REQUEST_ID

from holdfast.api import base, sts
from holdfast.api.base import (
    EntryNames,
    Operation,
    ResponseShape,
    SerializationException,
    ServiceError,
    Shape,
    ValidationException,
)
from holdfast.wire import query_protocol
from holdfast.wire.messages import Request, Response
from holdfast.wire.protocols import ServiceProtocols, Target, identify, unknown_operation
from holdfast.wire.query_protocol import QueryProtocol
from holdfast.wire.xml import escape, iso8601

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
PROTOCOL = QueryProtocol(NAMESPACE)
JSON_REPLY = QueryProtocol(NAMESPACE, json_reply=True)
QUERY_OPERATIONS = list(counterpart.operations("sts", "iam", "sns", "sdb"))
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def form(**parameters: str) -> Request:
    return Request("POST", "/", dict(FORM), urlencode(parameters).encode())


def decode(operation: Operation[Any, Any], parameters: dict[str, str]) -> Any:
    return PROTOCOL.decode(operation, form(**parameters))


def refusal(operation: Operation[Any, Any], request: Request) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        PROTOCOL.decode(operation, request)
    return caught.value


@pytest.mark.parametrize(("service", "name"), QUERY_OPERATIONS)
def test_botocore_requests_and_replies_come_through(service: str, name: str) -> None:
    source = random.Random(name)
    model = counterpart.model(service).operation_model(name)
    operation = counterpart.operation(service, name)
    metadata = counterpart.api(service).metadata
    protocols = ServiceProtocols.of(metadata)

    parameters = counterpart.sample(model.input_shape, source) if model.input_shape else {}
    for method in ("POST", "GET"):
        request = counterpart.request(service, name, parameters, method=method)
        target = identify(request)
        assert target is not None
        assert target == Target("query", name, version=metadata.api_version)
        received = protocols.select(target).decode(operation, request)
        assert type(received) is operation.input
        assert counterpart.from_shape(received) == counterpart.plain(parameters)

    result = counterpart.sample(model.output_shape, source) if model.output_shape else {}
    response = protocols.query.encode(operation, counterpart.to_shape(result, operation.output), REQUEST_ID)
    assert counterpart.parse(service, name, response) == result
    root = ElementTree.fromstring(response.body)
    assert root.tag == f"{{{metadata.xml_namespace}}}{name}Response"
    assert dict(response.headers) == {"Content-Type": "text/xml", "x-amzn-RequestId": REQUEST_ID}


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_presigned_url_carries_the_call_in_its_query_string() -> None:
    target = "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60"
    request = Request("GET", target, {"host": "localhost", "x-k8s-aws-id": "cluster"})
    assert identify(request) == Target("query", "GetCallerIdentity", version="2011-06-15")
    assert PROTOCOL.decode(sts.GetCallerIdentity, request) == sts.GetCallerIdentityRequest()


def test_query_string_and_form_are_read_together_and_other_bodies_are_not() -> None:
    request = Request("POST", "/?RoleArn=a+b%20c&RoleSessionName=one", dict(FORM), b"RoleSessionName=two&ExternalId=x")
    expected = sts.AssumeRoleRequest(RoleArn="a b c", RoleSessionName="two", ExternalId="x")
    assert PROTOCOL.decode(sts.AssumeRole, request) == expected
    request.headers["content-type"] = "text/plain"
    assert PROTOCOL.decode(sts.AssumeRole, request) == sts.AssumeRoleRequest(RoleArn="a b c", RoleSessionName="one")


def test_a_form_without_a_content_type_is_read() -> None:
    request = Request("POST", "/", {}, b"Action=AssumeRole&Version=2011-06-15&RoleArn=a")
    assert identify(request) == Target("query", "AssumeRole", version="2011-06-15")
    assert PROTOCOL.decode(sts.AssumeRole, request) == sts.AssumeRoleRequest(RoleArn="a")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (
            {"TransitiveTagKeys.member.2": "b", "TransitiveTagKeys.member.10": "c", "TransitiveTagKeys.member.1": "a"},
            "abc",
        ),
        ({"TransitiveTagKeys.member.7": "a"}, "a"),
        ({"TransitiveTagKeys": ""}, ""),
    ],
)
def test_entries_are_ordered_by_number(parameters: dict[str, str], expected: str) -> None:
    assert decode(sts.AssumeRole, parameters).TransitiveTagKeys == list(expected)


def test_unknown_and_blank_parameters_are_ignored() -> None:
    request = Request(
        "POST", "/", dict(FORM), b"&Unknown.member.1.x=1&&RoleArn=a&Tags.member.1.Key=k&Tags.member.1.No=1&"
    )
    expected = sts.AssumeRoleRequest(RoleArn="a", Tags=[sts.Tag(Key="k")])
    assert PROTOCOL.decode(sts.AssumeRole, request) == expected


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"DurationSeconds": "abc"}, "STRING_VALUE can not be converted to an Integer"),
        ({"DurationSeconds": ""}, "STRING_VALUE can not be converted to an Integer"),
        ({"DurationSeconds": "1.5"}, "STRING_VALUE can not be converted to an Integer"),
        ({"DurationSeconds": "-+1"}, "STRING_VALUE can not be converted to an Integer"),
        ({"DurationSeconds": "٣"}, "STRING_VALUE can not be converted to an Integer"),
        ({"DurationSeconds": "9" * 5000}, "STRING_VALUE can not be converted to an Integer"),
        ({"Tags": "x"}, "Unexpected list element termination"),
        ({"Tags.member.1": "x"}, "Unexpected complex element termination"),
        ({"Tags.Key": "x"}, "Start of structure or map found where not expected."),
        ({"Tags.member.x.Key": "x"}, "Start of structure or map found where not expected."),
        ({"Tags.member.².Key": "x"}, "Start of structure or map found where not expected."),
        ({"Tags.member." + "1" * 5000 + ".Key": "x"}, "Start of structure or map found where not expected."),
        ({"RoleArn.x": "x"}, "Start of structure or map found where not expected."),
        ({"RoleArn": "x", "RoleArn.x": "x"}, "Start of structure or map found where not expected."),
        ({"x" + ".x" * 40: "x"}, None),
        ({"." * 100_000: "x"}, None),
    ],
)
def test_malformed_input(parameters: dict[str, str], text: str | None) -> None:
    error = refusal(sts.AssumeRole, form(**parameters))
    assert isinstance(error, SerializationException)
    assert error.message == text
    parsed = counterpart.parse("sts", "AssumeRole", PROTOCOL.encode_error(error, REQUEST_ID))
    assert parsed["Error"] == {"Type": "Sender", "Code": "MalformedInput", "Message": text}


@pytest.mark.parametrize("body", [b"RoleArn=%ff", b"%ff=a", b"RoleArn=\xff"])
def test_what_is_not_utf_8_is_refused_and_forgotten(body: bytes) -> None:
    error = refusal(sts.AssumeRole, Request("POST", "/", dict(FORM), body))
    assert isinstance(error, SerializationException)
    assert error.__context__ is None, "a cause may hold the value"


def test_too_many_parameters_are_refused() -> None:
    allowed = "&".join(f"a{i}=" for i in range(query_protocol.PARAMETERS)).encode()
    assert PROTOCOL.decode(sts.AssumeRole, Request("POST", "/", dict(FORM), allowed)) == sts.AssumeRoleRequest()
    error = refusal(sts.AssumeRole, Request("POST", "/", dict(FORM), allowed + b"&b="))
    assert isinstance(error, SerializationException)


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"RoleArn": "a\x00"}, "roleArn"),
        ({"Tags.member.1.Key": "\x00"}, "tags.member.1.key"),
        ({"a\x00": "b"}, ""),
    ],
)
def test_nul_is_refused(parameters: dict[str, str], path: str) -> None:
    error = refusal(sts.AssumeRole, form(**parameters))
    assert isinstance(error, ValidationException)
    assert error.message == (
        f"1 validation error detected: Value at '{path}' failed to satisfy constraint: "
        "Member must not contain the character U+0000"
    )


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        (query_protocol.read_boolean, "true", True),
        (query_protocol.read_boolean, "False", False),
        (query_protocol.read_boolean, "yes", None),
        (query_protocol.read_boolean, "", None),
        (query_protocol.read_double, "-1.5", -1.5),
        (query_protocol.read_double, "nan", None),
        (query_protocol.read_double, "1e400", None),
        (query_protocol.read_double, "x", None),
        (query_protocol.read_integer, "-12", -12),
        (query_protocol.read_integer, "+12", 12),
        (query_protocol.read_timestamp, "2026-11-23T22:39:00Z", 1795473540.0),
        (query_protocol.read_timestamp, "2026-11-23T22:39:00.250", 1795473540.25),
        (query_protocol.read_timestamp, "2026-11-23T23:39:00+01:00", 1795473540.0),
        (query_protocol.read_timestamp, "1795473540", None),
        (query_protocol.read_timestamp, "soon", None),
        (query_protocol.read_blob, "YQ==", b"a"),
        (query_protocol.read_blob, "YQ", None),
        (query_protocol.read_blob, "é", None),
    ],
)
def test_plain_values(read: Any, text: str, expected: Any) -> None:
    if expected is not None:
        assert read(text) == expected
    else:
        with pytest.raises(SerializationException):
            read(text)


NAMES = ["Action", "RoleArn", "Tags", "Tags.member.1.Key", "Tags.member.1", "DurationSeconds", "Policy.x", "A.B.C"]


@given(
    st.dictionaries(st.sampled_from(NAMES) | st.text(alphabet="Tags.member1Key", max_size=20), st.text(), max_size=5)
)
def test_any_form_is_read_or_refused(parameters: dict[str, str]) -> None:
    body = urlencode(parameters, errors="surrogatepass", quote_via=quote_plus).encode()
    with contextlib.suppress(SerializationException, ValidationException):
        decoded = PROTOCOL.decode(sts.AssumeRole, Request("POST", "/", dict(FORM), body))
        assert isinstance(decoded, sts.AssumeRoleRequest)
        assert decoded.RoleArn == parameters.get("RoleArn")


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    request = Request("POST", "/?" + body.decode("latin-1"), dict(FORM), body)
    assert identify(request) is not None
    with contextlib.suppress(SerializationException, ValidationException):
        assert isinstance(PROTOCOL.decode(sts.AssumeRole, request), sts.AssumeRoleRequest)


# -- replies ----------------------------------------------------------------------------------------------------------

IDENTITY = sts.GetCallerIdentityResponse(
    UserId="AIDA", Account="123456789012", Arn="arn:aws:iam::123456789012:user/a&b"
)


def test_a_reply_is_written_like_this() -> None:
    response = PROTOCOL.encode(sts.GetCallerIdentity, IDENTITY, REQUEST_ID)
    assert response.status == 200
    assert response.body.decode() == (
        f'<GetCallerIdentityResponse xmlns="{NAMESPACE}"><GetCallerIdentityResult><UserId>AIDA</UserId>'
        "<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/a&amp;b</Arn></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )


def test_an_operation_without_output_has_no_result() -> None:
    operation = counterpart.operation("iam", "DeleteUser")
    body = PROTOCOL.encode(operation, operation.output(), REQUEST_ID).body.decode()
    assert body.startswith(f'<DeleteUserResponse xmlns="{NAMESPACE}"><ResponseMetadata>')


def test_json_is_answered_to_who_accepts_it() -> None:
    request = form(Action="GetCallerIdentity", Version="2011-06-15")
    request.headers["accept"] = "application/json"
    target = identify(request)
    assert target is not None
    assert target == Target("query", "GetCallerIdentity", version="2011-06-15", json_reply=True)
    protocol = ServiceProtocols.of(sts.METADATA).select(target)
    response = protocol.encode(sts.GetCallerIdentity, IDENTITY, REQUEST_ID)
    assert dict(response.headers)["Content-Type"] == "application/json"
    assert json.loads(response.body) == {
        "GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {
                "UserId": "AIDA",
                "Account": "123456789012",
                "Arn": "arn:aws:iam::123456789012:user/a&b",
            },
            "ResponseMetadata": {"RequestId": REQUEST_ID},
        }
    }
    error = protocol.encode_error(base.AccessDeniedException("no"), REQUEST_ID)
    assert error.status == 403
    assert json.loads(error.body) == {
        "Error": {"Type": "Sender", "Code": "AccessDenied", "Message": "no"},
        "RequestId": REQUEST_ID,
    }
    operation = counterpart.operation("iam", "DeleteUser")
    empty = JSON_REPLY.encode(operation, operation.output(), REQUEST_ID)
    assert json.loads(empty.body) == {"DeleteUserResponse": {"ResponseMetadata": {"RequestId": REQUEST_ID}}}


class DetailedException(ServiceError):
    code = "DetailedException"


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (base.AccessDeniedException("no <b>"), 403, {"Type": "Sender", "Code": "AccessDenied", "Message": "no <b>"}),
        (base.ValidationException("bad"), 400, {"Type": "Sender", "Code": "ValidationError", "Message": "bad"}),
        (sts.RegionDisabledException("x"), 403, {"Type": "Sender", "Code": "RegionDisabledException", "Message": "x"}),
        (
            sts.InvalidIdentityTokenException("x"),
            400,
            {"Type": "Sender", "Code": "InvalidIdentityToken", "Message": "x"},
        ),
        (base.InternalFailure(), 500, {"Type": "Receiver", "Code": "InternalFailure", "Message": None}),
        (base.ServiceUnavailable(), 503, {"Type": "Receiver", "Code": "ServiceUnavailable", "Message": None}),
        (
            base.ValidationException("\x00\ud800"),
            400,
            {"Type": "Sender", "Code": "ValidationError", "Message": "\ufffd?"},
        ),
    ],
)
def test_errors(error: ServiceError, status: int, expected: dict[str, Any]) -> None:
    response = PROTOCOL.encode_error(error, REQUEST_ID)
    assert response.status == status
    assert dict(response.headers) == {"Content-Type": "text/xml", "x-amzn-RequestId": REQUEST_ID}
    assert counterpart.parse("sts", "AssumeRole", response)["Error"] == expected


def test_an_error_is_written_like_this() -> None:
    body = PROTOCOL.encode_error(DetailedException("text", Reason="r&d", Inner=IDENTITY), REQUEST_ID).body.decode()
    assert body == (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>DetailedException</Code><Message>text'
        f"</Message><Reason>r&amp;d</Reason></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )


@given(st.text(alphabet=st.characters()))
def test_any_text_makes_well_formed_xml(text: str) -> None:
    value = sts.GetCallerIdentityResponse(UserId=text)
    response = PROTOCOL.encode(sts.GetCallerIdentity, value, REQUEST_ID)
    received = counterpart.parse("sts", "GetCallerIdentity", response)["UserId"]
    allowed = "".join(
        c if c in "\t\n\r" or " " <= c < "\ud800" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "\ufffd"
        for c in text
    )
    assert received == allowed


def test_escaping_keeps_what_xml_can_carry() -> None:
    assert escape("a<b>&\"'\r\n\t\x0b\ud800\uffff") == "a&lt;b&gt;&amp;&quot;'&#13;\n\t\ufffd\ufffd\ufffd"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1795473540, "2026-11-23T22:39:00Z"),
        (1795473540.25, "2026-11-23T22:39:00.250Z"),
        (1795473540.9999, "2026-11-23T22:39:01Z"),
        (-0.001, "1969-12-31T23:59:59.999Z"),
        (253402300799, "9999-12-31T23:59:59Z"),
    ],
)
def test_iso8601(seconds: float, text: str) -> None:
    assert iso8601(seconds) == text


class Entry(Shape):
    WIRE_NAMES = {"Name": "name"}  # noqa: RUF012
    Name: str | None = None


class Unusual(ResponseShape):
    """What the models of IAM, SNS and STS do not have, though the protocol does."""

    WIRE_NAMES = {"Renamed": "newName", "Names": "nameList"}  # noqa: RUF012
    Renamed: str | None = None
    Names: list[str] | None = None
    Items: Annotated[list[Entry], EntryNames(member="item")] | None = None
    Flat: Annotated[list[str], EntryNames(flattened=True)] | None = None
    FlatItems: Annotated[list[str], EntryNames(member="FlatItem", flattened=True)] | None = None
    Pairs: Annotated[dict[str, Entry], EntryNames(key="Name", value="Value")] | None = None
    FlatPairs: Annotated[dict[str, int], EntryNames(flattened=True)] | None = None
    Number: float | None = None
    Blob: bytes | None = None


UNUSUAL = Operation("unusual", "Act", Unusual, Unusual, result_wrapper="ActResult")


def test_names_that_a_model_may_choose() -> None:
    value = Unusual(
        Renamed="r",
        Names=["a", "b"],
        Items=[Entry(Name="i")],
        Flat=["f", "g"],
        FlatItems=["h"],
        Pairs={"k": Entry(Name="v")},
        FlatPairs={"x": 1, "y": -2},
        Number=0.5,
        Blob=b"\x00",
    )
    parameters = {
        "newName": "r",
        "nameList.member.1": "a",
        "nameList.member.2": "b",
        "Items.item.1.name": "i",
        "Flat.1": "f",
        "Flat.2": "g",
        "FlatItem.1": "h",
        "Pairs.entry.1.Name": "k",
        "Pairs.entry.1.Value.name": "v",
        "FlatPairs.1.key": "x",
        "FlatPairs.1.value": "1",
        "FlatPairs.2.key": "y",
        "FlatPairs.2.value": "-2",
        "Number": "0.5",
        "Blob": "AA==",
    }
    assert PROTOCOL.decode(UNUSUAL, form(**parameters)) == value
    body = PROTOCOL.encode(UNUSUAL, value, REQUEST_ID).body.decode()
    assert body.partition("<ActResult>")[2].partition("</ActResult>")[0] == (
        "<newName>r</newName><nameList><member>a</member><member>b</member></nameList>"
        "<Items><item><name>i</name></item></Items><Flat>f</Flat><Flat>g</Flat><FlatItem>h</FlatItem>"
        "<Pairs><entry><Name>k</Name><Value><name>v</name></Value></entry></Pairs>"
        "<FlatPairs><key>x</key><value>1</value></FlatPairs><FlatPairs><key>y</key><value>-2</value></FlatPairs>"
        "<Number>0.5</Number><Blob>AA==</Blob>"
    )


# -- which operation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (form(Action="GetUser"), Target("query", "GetUser")),
        (form(Version="x"), Target("query", "", version="x")),
        (Request("POST", "/?Action=A&Version=1", {}), Target("query", "A", version="1")),
        (Request("POST", "/?XAction=A&Version=1", {}), None),
        (Request("GET", "/", {}), None),
        (Request("GET", "/?x=1", {}), None),
        (Request("GET", "/2015-03-31/functions?Action=A", {}), None),
        (Request("PUT", "/?Action=A", {}), None),
        (Request("POST", "/", {"content-type": "application/json"}, b"Action=A"), None),
    ],
)
def test_identify(request_: Request, target: Target | None) -> None:
    assert identify(request_) == target


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("query", "Fly", version="2011-06-15"), "Could not find operation Fly for version 2011-06-15"),
        (Target("query", "Fly"), "Could not find operation Fly for version NO_VERSION_SPECIFIED"),
    ],
)
def test_an_unknown_operation_is_named(target: Target, text: str) -> None:
    response: Response = PROTOCOL.encode_error(unknown_operation(target), REQUEST_ID)
    assert response.status == 400
    error = counterpart.parse("sts", "AssumeRole", response)["Error"]
    assert error == {"Type": "Sender", "Code": "InvalidAction", "Message": text}
