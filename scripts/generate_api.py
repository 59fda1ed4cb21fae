"""Write src/holdfast/api/*.py from the service models that the installed botocore ships.

`make generate` runs it; `tests/api/test_generated.py` fails when the committed files are not what it would write.
Models of our own calls (the service `holdfast`) lie beside this script in the same format.
"""

from __future__ import annotations

import argparse
import json
import keyword
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "holdfast" / "api"


@dataclass(frozen=True)
class Source:
    """One service to generate: our name for it, and which of its operations (all when empty)."""

    name: str
    model: str
    operations: tuple[str, ...] = ()


PARAMETER_STORE = (
    "AddTagsToResource",
    "DeleteParameter",
    "DeleteParameters",
    "DeleteResourcePolicy",
    "DescribeParameters",
    "GetParameter",
    "GetParameterHistory",
    "GetParameters",
    "GetParametersByPath",
    "GetResourcePolicies",
    "GetServiceSetting",
    "LabelParameterVersion",
    "ListTagsForResource",
    "PutParameter",
    "PutResourcePolicy",
    "RemoveTagsFromResource",
    "ResetServiceSetting",
    "UnlabelParameterVersion",
    "UpdateServiceSetting",
)

FUNCTIONS = (
    "AddPermission",
    "CreateAlias",
    "CreateFunction",
    "DeleteAlias",
    "DeleteFunction",
    "DeleteFunctionConcurrency",
    "GetAlias",
    "GetFunction",
    "GetFunctionCodeSigningConfig",
    "GetFunctionConcurrency",
    "GetFunctionConfiguration",
    "GetPolicy",
    "Invoke",
    "ListAliases",
    "ListFunctions",
    "ListTags",
    "ListVersionsByFunction",
    "PublishVersion",
    "PutFunctionConcurrency",
    "RemovePermission",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
)

SOURCES = (
    Source("secretsmanager", "secretsmanager"),
    Source("kms", "kms"),
    Source("sts", "sts"),
    Source("iam", "iam"),
    Source("cloudtrail", "cloudtrail", ("LookupEvents",)),
    Source("ssm", "ssm", PARAMETER_STORE),
    Source("lambda_", "lambda", FUNCTIONS),
    Source("events", "events"),
    Source("sns", "sns"),
    Source("holdfast", "holdfast"),
)

TEXTS_ALL_THE_SAME = ("events",)
"""Services whose model gives errors no members, and which answer with a text in `message` all the same."""
PLACES = ("uri", "querystring", "header", "statusCode")
"""Where REST-JSON may put a member, beside the body."""
IMPORTED = frozenset(
    {"Annotated", "Any", "Api", "ClassVar", "Constraint", "EntryNames", "Operation", "ResponseShape", "ServiceError"}
    | {"ServiceMetadata", "Shape", "Timestamp"}
)
IDENTIFIER = re.compile(r"\w+")
SCALARS = {"string": "str", "boolean": "bool", "integer": "int", "long": "int", "float": "float", "double": "float"}


def named(shape: str) -> str:
    """A shape's name in its module, where it must not take the place of what every module imports."""
    return f"{shape}Type" if shape in IMPORTED else shape


def load_model(source: Source) -> dict[str, Any]:
    """The newest version of a model."""
    own = Path(__file__).with_name("models") / f"{source.name}.json"
    if own.exists():
        return json.loads(own.read_text())
    import botocore.loaders

    return botocore.loaders.Loader().load_service_model(source.model, "service-2")


class Module:
    """One generated module: the operations asked for, and every shape they reach."""

    def __init__(self, source: Source, model: dict[str, Any]) -> None:
        self.source = source
        self.model = model
        self.shapes: dict[str, dict[str, Any]] = model["shapes"]
        names = source.operations or tuple(model["operations"])
        self.operations = {name: model["operations"][name] for name in sorted(names)}
        self.inputs = {o["input"]["shape"] for o in self.operations.values() if "input" in o}
        self.outputs = {o["output"]["shape"] for o in self.operations.values() if "output" in o}
        self.errors: set[str] = {e["shape"] for o in self.operations.values() for e in o.get("errors", ())}
        self.order: list[str] = []
        self.active: set[str] = set()
        self.recursive: set[str] = set()
        self.hidden: set[str] = set()
        """Shapes whose second name was written: written twice, a type checker takes it for a variable."""
        for operation in self.operations.values():
            for key in ("input", "output"):
                if key in operation:
                    self.visit(operation[key]["shape"])
        for error in sorted(self.errors):
            self.visit_members(error)

    def visit_members(self, name: str) -> None:
        for member in self.shapes[name].get("members", {}).values():
            self.visit(member["shape"])

    def visit(self, name: str) -> None:
        """Depth first, so that a type stands before its first use."""
        if name in self.order:
            return
        if name in self.active:
            self.recursive.add(name)
            return
        self.active.add(name)
        shape = self.shapes[name]
        if shape["type"] == "list":
            self.visit(shape["member"]["shape"])
        elif shape["type"] == "map":
            self.visit(shape["key"]["shape"])
            self.visit(shape["value"]["shape"])
        elif shape["type"] == "structure":
            self.visit_members(name)
        self.active.discard(name)
        self.order.append(name)

    # -- types ------------------------------------------------------------------------------------------------------

    def constraint(self, shape: dict[str, Any]) -> str:
        parts: list[str] = []
        if "min" in shape:
            parts.append(f"minimum={int(shape['min'])}")
        if "max" in shape:
            parts.append(f"maximum={int(shape['max'])}")
        if "pattern" in shape:
            parts.append(f"pattern={shape['pattern']!r}")
        if "enum" in shape:
            parts.append(f"enum={tuple(shape['enum'])!r}")
        if shape.get("sensitive"):
            parts.append("sensitive=True")
        return f"Constraint({', '.join(parts)})" if parts else ""

    def entry_names(self, shape: dict[str, Any]) -> str:
        """The names Query and XML give to a list's or map's entries, where they are not the protocol's own."""
        uses = {part: shape.get(part, {}).get("locationName") for part in ("member", "key", "value")}
        parts = [f"{part}={name!r}" for part, name in uses.items() if name]
        if shape.get("flattened"):
            parts.append("flattened=True")
        return f"EntryNames({', '.join(parts)})" if parts and self.model["metadata"]["protocol"] == "query" else ""

    def marks(self, shape: dict[str, Any]) -> list[str]:
        """What the annotation of a shape's alias carries beside its type."""
        return [mark for mark in (self.constraint(shape), self.entry_names(shape)) if mark]

    def type_of(self, name: str) -> str:
        """The type of a use of a shape: an alias where the shape carries a mark, a plain type elsewhere."""
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return f'"{named(name)}"' if name in self.recursive else named(name)
        if self.marks(shape) or kind == "timestamp" or name in self.recursive:
            return named(name)
        return self.plain(shape)

    def plain(self, shape: dict[str, Any]) -> str:
        kind = shape["type"]
        if kind == "list":
            return f"list[{self.type_of(shape['member']['shape'])}]"
        if kind == "map":
            return f"dict[{self.type_of(shape['key']['shape'])}, {self.type_of(shape['value']['shape'])}]"
        if kind == "blob":
            return "bytes"
        if kind == "timestamp":
            return "float"
        return SCALARS[kind]

    # -- text -------------------------------------------------------------------------------------------------------

    def render(self) -> str:
        lines = list(self.header())
        for name in self.order:
            if name not in self.errors:
                lines.extend(self.definition(name))
        for name in sorted(self.errors):
            lines.extend(self.error(name))
        lines.extend(self.operation_table())
        text = "\n".join(lines) + "\n"
        while "\n\n\n\n" in text:
            text = text.replace("\n\n\n\n", "\n\n\n")
        return text

    def header(self) -> Iterator[str]:
        meta = self.model["metadata"]
        title = f"{meta['serviceFullName']}, API version {meta['apiVersion']}"
        yield f'"""{title}. Generated by `make generate`; do not edit."""'
        yield ""
        yield "# ruff: noqa: E501, N801, N815, A003, RUF001"
        yield "# pyright: basic"
        yield ""
        yield "from typing import Annotated, Any, ClassVar"
        yield ""
        named = "EntryNames, " if any(self.entry_names(self.shapes[name]) for name in self.order) else ""
        yield (
            f"from holdfast.api.base import Api, Constraint, {named}Operation, ResponseShape, "
            "ServiceError, ServiceMetadata, Shape, Timestamp"
        )
        yield ""
        protocol = meta["protocol"]
        yield "METADATA = ServiceMetadata("
        yield f"    name={self.source.name!r},"
        yield f"    signing_name={meta.get('signingName', meta['endpointPrefix'])!r},"
        yield f"    protocol={protocol!r},"
        yield f"    api_version={meta['apiVersion']!r},"
        yield f"    service_id={meta['serviceId']!r},"
        yield f"    target_prefix={meta.get('targetPrefix', '')!r},"
        yield f"    json_version={meta.get('jsonVersion', '')!r},"
        yield f"    xml_namespace={meta.get('xmlNamespace', '')!r},"
        yield f"    endpoint_prefix={meta['endpointPrefix']!r},"
        yield ")"
        yield ""

    def definition(self, name: str) -> Iterator[str]:
        shape = self.shapes[name]
        if shape["type"] == "structure":
            yield from self.structure(name, shape)
        elif shape["type"] == "timestamp":
            form = "'iso8601'" if shape.get("timestampFormat") == "iso8601" else ""
            yield f"{named(name)} = Annotated[float, Timestamp({form})]"
        elif marks := self.marks(shape):
            yield f"{named(name)} = Annotated[{self.plain(shape)}, {', '.join(marks)}]"

    def structure(self, name: str, shape: dict[str, Any]) -> Iterator[str]:
        base = "ResponseShape" if name in self.outputs else "Shape"
        required = tuple(shape.get("required", ()))
        members = shape.get("members", {})
        # Inside the class a member's default hides a module-level type of the same name.
        types = {member: self.type_of(use["shape"]) for member, use in members.items()}
        hidden = sorted({name for text in types.values() for name in IDENTIFIER.findall(text) if name in members})
        for type_name in hidden:
            if type_name not in self.hidden:
                self.hidden.add(type_name)
                yield f"{type_name}_ = {self.type_of(type_name)}"
        yield ""
        yield ""
        yield f"class {named(name)}({base}):"
        sensitive = tuple(m for m, use in members.items() if self.shapes[use["shape"]].get("sensitive"))
        if required:
            yield f"    REQUIRED: ClassVar[tuple[str, ...]] = {required!r}"
        if sensitive:
            yield f"    SENSITIVE: ClassVar[tuple[str, ...]] = {sensitive!r}"
        yield from self.bindings(name, shape)
        wire_names = {m: use["locationName"] for m, use in members.items() if use.get("locationName", m) != m}
        if wire_names and self.model["metadata"]["protocol"] == "query":
            yield f"    WIRE_NAMES: ClassVar[dict[str, str]] = {wire_names!r}"
        for member in members:
            if keyword.iskeyword(member):
                raise ValueError(f"{name}.{member} is a Python keyword")
            of = IDENTIFIER.sub(lambda found: f"{found[0]}_" if found[0] in hidden else found[0], types[member])
            yield (
                f'    {member}: "{of[1:-1]} | None" = None'
                if of.startswith('"')
                else f"    {member}: {of} | None = None"
            )
        if not members and not required and not sensitive:
            yield "    pass"
        yield ""
        yield ""

    def bindings(self, name: str, shape: dict[str, Any]) -> Iterator[str]:
        """Where REST-JSON puts the members of an input or output that do not stand in the JSON body."""
        if self.model["metadata"]["protocol"] != "rest-json":
            return
        bound: dict[str, tuple[str, str]] = {}
        for member, use in shape.get("members", {}).items():
            place = use.get("location")
            if place is not None:
                if place not in PLACES:
                    raise ValueError(f"{name}.{member} stands in {place!r}, which wire/rest_json.py does not know")
                bound[member] = (place, use.get("locationName", member))
            elif use.get("locationName", member) != member:
                raise ValueError(f"{name}.{member} has another name in the body, which wire/rest_json.py does not know")
        if bound:
            yield f"    BOUND: ClassVar[dict[str, tuple[str, str]]] = {bound!r}"
        if payload := shape.get("payload"):
            yield f"    PAYLOAD: ClassVar[str] = {payload!r}"

    def error(self, name: str) -> Iterator[str]:
        shape = self.shapes[name]
        members = shape.get("members", {})
        details = shape.get("error", {})
        code = name
        query_code = details.get("code", "")
        status = details.get("httpStatusCode", 500 if shape.get("fault") else 400)
        unsaid = "message" if self.source.name in TEXTS_ALL_THE_SAME else None
        message = next((m for m in members if m.lower() == "message"), unsaid)
        yield ""
        yield ""
        yield f"class {name}(ServiceError):"
        if shape.get("documentation"):
            plain = " ".join(strip_tags(shape["documentation"]).split())
            first = plain.split(". ")[0].rstrip(".")
            for line in textwrap.wrap(f'"""{first}."""'.replace("\\", "\\\\"), 110):
                yield f"    {line}"
            yield ""
        yield f"    code = {code!r}"
        if query_code and query_code != code:
            yield f"    query_code = {query_code!r}"
        if status != 400:
            yield f"    status = {status}"
        if message != "message":
            yield f"    message_member = {message!r}"
        if self.model["metadata"]["protocol"] == "rest-json" and "Type" in members:
            yield f"    fault_type = {'Service' if shape.get('fault') else 'User'!r}"
        yield ""
        yield ""

    def operation_table(self) -> Iterator[str]:
        for name, operation in self.operations.items():
            input_name = operation.get("input", {}).get("shape")
            output_name = operation.get("output", {}).get("shape")
            if not input_name:
                yield from ("", "", f"class {name}Input(Shape):", "    pass", "", "")
            if not output_name:
                yield from ("", "", f"class {name}Output(ResponseShape):", "    pass", "", "")
            errors = ", ".join(e["shape"] for e in operation.get("errors", ()))
            extra = "" if output_name else ", no_output=True"
            if wrapper := operation.get("output", {}).get("resultWrapper"):
                extra += f", result_wrapper={wrapper!r}"
            http = operation.get("http", {})
            if (http.get("method", "POST"), http.get("requestUri", "/")) != ("POST", "/"):
                extra += f", http_method={http['method']!r}, http_path={http['requestUri']!r}"
            if self.model["metadata"]["protocol"] == "rest-json" and http.get("responseCode", 200) != 200:
                extra += f", http_status={http['responseCode']!r}"
            yield (
                f"{name} = Operation({self.source.name!r}, {name!r}, {input_name or name + 'Input'}, "
                f"{output_name or name + 'Output'}, errors=({errors}{',' if errors else ''}){extra})"
            )
        yield ""
        yield "OPERATIONS: dict[str, Operation[Any, Any]] = {"
        for name in self.operations:
            yield f"    {name!r}: {name},"
        yield "}"
        absent = [name for name in sorted(self.model["operations"]) if name not in self.operations]
        if not absent:
            yield "API = Api(METADATA, OPERATIONS)"
            return
        yield "ABSENT: dict[str, Operation[Any, Any]] = {"
        for name in absent:
            http = self.model["operations"][name].get("http", {})
            place = http.get("method", "POST"), http.get("requestUri", "/").partition("?")[0]
            extra = "" if place == ("POST", "/") else f", http_method={place[0]!r}, http_path={place[1]!r}"
            yield f"    {name!r}: Operation({self.source.name!r}, {name!r}, Shape, Shape{extra}),"
        yield "}"
        yield "API = Api(METADATA, OPERATIONS, ABSENT)"


def strip_tags(text: str) -> str:
    out: list[str] = []
    depth = 0
    for character in text:
        if character == "<":
            depth += 1
        elif character == ">":
            depth = max(0, depth - 1)
        elif depth == 0:
            out.append(character)
    return "".join(out).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def generate() -> dict[str, str]:
    """File name -> text, for every module."""
    return {f"{source.name}.py": Module(source, load_model(source)).render() for source in SOURCES}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not fresh")
    arguments = parser.parse_args()
    stale = 0
    for name, text in generate().items():
        path = TARGET / name
        if arguments.check:
            if not path.exists() or path.read_text() != text:
                print(f"{path.relative_to(ROOT)} is stale; run `make generate`")
                stale = 1
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
