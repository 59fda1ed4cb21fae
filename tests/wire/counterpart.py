"""botocore as the other end of the wire: its serializers write our requests, its parsers read our replies.

Sample values are made from botocore's own models, not from the generated modules, so a member that the generator lost
or mistook shows as a difference.
"""

from __future__ import annotations

import importlib.util
import io
import random
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import msgspec
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict

import holdfast.api.kms
import holdfast.api.lambda_
import holdfast.api.secretsmanager
import holdfast.api.ssm
import holdfast.api.sts
from holdfast.api.base import Api, Operation, Shape
from holdfast.wire.messages import Request, Response

REQUEST_ID = "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE"
SCRIPT = Path(__file__).parents[2] / "scripts" / "generate_api.py"
GENERATED = {
    module.METADATA.name: module.API
    for module in (holdfast.api.kms, holdfast.api.secretsmanager, holdfast.api.ssm, holdfast.api.sts)
} | {"lambda": holdfast.api.lambda_.API}
TEXTS = ("a", "Value 1", "é漢𝒳", "<&>\"'", "line\nbreak", " blanks ", "100%+=&;#", '{"a": [1]}', "\\u0000", "\t", "")


@cache
def generator() -> types.ModuleType:
    """scripts/generate_api.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("generate_api", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_api"] = module
    spec.loader.exec_module(module)
    return module


@cache
def api(service: str) -> Api:
    """The service's generated module, or one generated here and now for a service that Holdfast does not have yet."""
    if service in GENERATED:
        return GENERATED[service]
    source = generator().Source(service, service)
    module = types.ModuleType(f"generated_{service}")
    sys.modules[module.__name__] = module
    exec(generator().Module(source, generator().load_model(source)).render(), module.__dict__)
    return module.API


@cache
def model(service: str) -> botocore.model.ServiceModel:
    description = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(description, service)


def operations(*services: str) -> Iterator[tuple[str, str]]:
    """Service and operation, for every operation of these services."""
    for service in services:
        for name in api(service).operations:
            yield service, name


def request(service: str, operation: str, parameters: dict[str, Any], *, method: str = "POST") -> Request:
    """What botocore sends for this call, as a listener hands it over. With method GET, in the query string."""
    service_model = model(service)
    serializer = botocore.serialize.create_serializer(service_model.metadata["protocol"], include_validation=False)
    serialized: Any = serializer.serialize_to_request(parameters, service_model.operation_model(operation))
    if method == "GET":
        return Request("GET", f"/?{urlencode(serialized['body'])}", {"host": "localhost"})
    prepare_request_dict(serialized, endpoint_url="http://localhost:4566", context={})
    prepared = create_request_object(serialized).prepare()
    body = prepared.body or b""
    headers = {
        str(name).lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in prepared.headers.items()
    }
    parts = urlsplit(str(prepared.url))
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
    return Request(prepared.method, target, headers, body if isinstance(body, bytes) else body.encode())


def parse(service: str, operation: str, response: Response) -> dict[str, Any]:
    """What botocore makes of our reply, without its own metadata; an error's reply has `Error`."""
    service_model = model(service)
    operation_model = service_model.operation_model(operation)
    parser = botocore.parsers.create_parser(service_model.metadata["protocol"])
    headers: Any = HeadersDict({name.lower(): value for name, value in response.headers})
    streams = operation_model.has_streaming_output and response.status < 300
    body = io.BytesIO(response.body) if streams else response.body
    reply = {"status_code": response.status, "headers": headers, "body": body}
    parsed = parser.parse(reply, operation_model.output_shape)
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["RequestId"] == REQUEST_ID
    assert metadata["HTTPStatusCode"] == response.status
    return parsed


def sample(shape: Any, source: random.Random, depth: int = 0) -> Any:
    """A value of a botocore shape, as a user of boto3 writes it; without regard to constraints, as protocols are."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_tagged_union", False):
            name = source.choice(list(shape.members))
            return {name: sample(shape.members[name], source, depth + 1)}
        # Never empty, if its model has members: a form cannot carry an empty structure.
        first = next((name for name, member in shape.members.items() if member.type_name == "string"), None)
        return {
            name: sample(member, source, depth + 1)
            for name, member in shape.members.items()
            if name == first or depth == 0 or (depth < 6 and source.random() < 0.7)
        }
    if kind == "list":
        return [sample(shape.member, source, depth + 1) for _ in range(source.randint(1, 3))]
    if kind == "map":
        keys = source.sample(TEXTS[:6], source.randint(1, 3))
        return {key: sample(shape.value, source, depth + 1) for key in keys}
    if kind == "timestamp":
        return datetime.fromtimestamp(source.randint(0, 2**32) + source.randint(0, 999) / 1000, UTC)
    return {
        "string": lambda: source.choice(TEXTS),
        "boolean": lambda: source.random() < 0.5,
        "integer": lambda: source.randint(-(2**31), 2**31 - 1),
        "long": lambda: source.randint(-(2**63), 2**63 - 1),
        "float": lambda: source.randint(-1000, 1000) / 4,
        "double": lambda: source.randint(-1000, 1000) / 4,
        "blob": lambda: source.randbytes(source.randint(0, 9)),
    }[kind]()


def to_shape(value: dict[str, Any], structure: type[Shape]) -> Shape:
    """Our structure with the content of a botocore value."""
    return msgspec.convert(plain(value), structure, builtin_types=(bytes,))


def from_shape(value: Shape) -> Any:
    """Our structure as a botocore value, its timestamps in seconds."""
    return msgspec.to_builtins(value, builtin_types=(bytes,))


def plain(value: Any) -> Any:
    """The value with its timestamps in seconds."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value.timestamp() if isinstance(value, datetime) else value


def operation(service: str, name: str) -> Operation[Any, Any]:
    return api(service).operations[name]
