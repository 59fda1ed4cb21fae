"""Constraints and their texts, against the model itself read a second way; patterns against hostile values."""

from __future__ import annotations

import random
import re
import time
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wire import counterpart

from holdfast.api import holdfast, kms, secretsmanager, ssm, sts
from holdfast.api.base import Constraint, SerializationException, Shape, ValidationException
from holdfast.wire.patterns import LINEAR, compile_pattern, translate
from holdfast.wire.validation import ECHO_PARTS, PATTERN_LIMIT, VIOLATIONS, validate, validator

FAILED = "failed to satisfy constraint: Member must"
NOT_NULL = f"{FAILED} not be null"
MODULES = (secretsmanager, kms, sts, ssm, holdfast)


def violations(value: Shape) -> list[str]:
    """Each violation's text, after a look at the sentence around them."""
    try:
        validate(value)
    except ValidationException as error:
        head, _, tail = (error.message or "").partition(" detected: ")
        texts = tail.split("; Value")
        assert head == ("1 validation error" if len(texts) == 1 else f"{len(texts)} validation errors")
        return [texts[0], *(f"Value{text}" for text in texts[1:])]
    return []


# -- texts ------------------------------------------------------------------------------------------------------------


def test_the_whole_sentence() -> None:
    with pytest.raises(ValidationException) as caught:
        validate(secretsmanager.GetSecretValueRequest(SecretId=""))
    assert caught.value.message == (
        "1 validation error detected: Value '' at 'secretId' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
    with pytest.raises(ValidationException) as caught:
        validate(secretsmanager.GetSecretValueRequest(VersionId="x"))
    assert caught.value.message == (
        "2 validation errors detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null; "
        "Value 'x' at 'versionId' failed to satisfy constraint: Member must have length greater than or equal to 32"
    )


class Inner(Shape):
    REQUIRED = ("Key",)
    SENSITIVE = ("Secret",)
    Key: str | None = None
    Secret: Annotated[str, Constraint(maximum=3, sensitive=True)] | None = None
    Names: list[Annotated[str, Constraint(minimum=1, maximum=2, pattern="[a-z]+")]] | None = None


class Outer(Shape):
    SENSITIVE = ("Veiled", "VeiledList")
    Veiled: Inner | None = None
    VeiledList: list[Inner] | None = None
    SAMLOptions: Annotated[str, Constraint(enum=("A", "B"))] | None = None
    Ratio: Annotated[float, Constraint(minimum=0, maximum=1)] | None = None
    Count: int | None = None
    Blob: Annotated[bytes, Constraint(maximum=2)] | None = None
    One: Inner | None = None
    Many: Annotated[list[Inner], Constraint(maximum=2)] | None = None
    Deep: list[list[Inner]] | None = None
    ByName: dict[Annotated[str, Constraint(pattern="[a-z]+")], Inner] | None = None
    Limits: dict[str, Annotated[list[str], Constraint(minimum=1)]] | None = None
    Hidden: list[Annotated[str, Constraint(maximum=1, sensitive=True)]] | None = None
    Itself: Outer | None = None


LIMITS = (
    "[Member must have length less than or equal to 2, Member must have length greater than or equal to 1, "
    "Member must satisfy regular expression pattern: [a-z]+]"
)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (Outer(), []),
        (Outer(SAMLOptions="C"), [f"Value 'C' at 'sAMLOptions' {FAILED} satisfy enum value set: [A, B]"]),
        (Outer(Ratio=1.5), [f"Value '1.5' at 'ratio' {FAILED} have value less than or equal to 1"]),
        (Outer(Ratio=-1.0), [f"Value '-1.0' at 'ratio' {FAILED} have value greater than or equal to 0"]),
        (Outer(Count=2**63 - 1), []),
        (Outer(Count=2**63), [f"Value '{2**63}' at 'count' {FAILED} have value less than or equal to {2**63 - 1}"]),
        (
            Outer(Count=-(2**63) - 1),
            [f"Value '{-(2**63) - 1}' at 'count' {FAILED} have value greater than or equal to {-(2**63)}"],
        ),
        (
            Outer(Blob=b"abc"),
            [
                "Value 'java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]' at 'blob' "
                f"{FAILED} have length less than or equal to 2"
            ],
        ),
        (Outer(One=Inner()), [f"Value null at 'one.key' {NOT_NULL}"]),
        (Outer(Many=[Inner(Key="k"), Inner()]), [f"Value null at 'many.2.member.key' {NOT_NULL}"]),
        (
            Outer(Many=[Inner(Key="", Names=[])] * 3),
            [
                "Value '[" + ", ".join(["Inner(key=, secret=null, names=[])"] * 3) + "]' at "
                f"'many' {FAILED} have length less than or equal to 2"
            ],
        ),
        (Outer(Deep=[[], [Inner()]]), [f"Value null at 'deep.2.member.1.member.key' {NOT_NULL}"]),
        (Outer(ByName={"x": Inner()}), [f"Value null at 'byName.x.member.key' {NOT_NULL}"]),
        (Outer(Itself=Outer(Itself=Outer(One=Inner()))), [f"Value null at 'itself.itself.one.key' {NOT_NULL}"]),
        (
            Outer(Many=[Inner(Key="a", Secret="s", Names=["n"])] * 3),
            [
                "Value '[" + ", ".join(["Inner(key=a, secret=***Sensitive Data Redacted***, names=[n])"] * 3) + "]' at "
                f"'many' {FAILED} have length less than or equal to 2"
            ],
        ),
        (
            Outer(One=Inner(Key="k", Names=["ab", "abc"])),
            [f"Value '[ab, abc]' at 'one.names' {FAILED} satisfy constraint: {LIMITS}"],
        ),
        (
            Outer(One=Inner(Key="k", Secret="abcd")),
            [f"Value at 'one.secret' {FAILED} have length less than or equal to 3"],
        ),
        (
            Outer(ByName={"X": Inner(Key="k")}),
            [
                "Value '{X=Inner(key=k, secret=null, names=null)}' at 'byName' failed to satisfy constraint: "
                "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+]"
            ],
        ),
        (
            Outer(Limits={"a": ["b"], "c": []}),
            [
                "Value '{a=[b], c=[]}' at 'limits' failed to satisfy constraint: "
                "Map value must satisfy constraint: [Member must have length greater than or equal to 1]"
            ],
        ),
        (
            Outer(Veiled=Inner(Key="k", Names=[""])),
            [f"Value at 'veiled.names' {FAILED} satisfy constraint: {LIMITS}"],
        ),
        (Outer(VeiledList=[Inner()]), [f"Value at 'veiledList.1.member.key' {NOT_NULL}"]),
        (
            Outer(Hidden=["ab"]),
            [f"Value at 'hidden' {FAILED} satisfy constraint: [Member must have length less than or equal to 1]"],
        ),
    ],
)
def test_texts(value: Shape, texts: list[str]) -> None:
    assert violations(value) == texts


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (
            secretsmanager.ListSecretsRequest(MaxResults=101, Filters=[secretsmanager.Filter(Key="x", Values=[])]),
            [
                f"Value '101' at 'maxResults' {FAILED} have value less than or equal to 100",
                f"Value 'x' at 'filters.1.member.key' {FAILED} satisfy enum value set: "
                "[description, name, tag-key, tag-value, primary-region, owning-service, all]",
                f"Value '[]' at 'filters.1.member.values' {FAILED} have length greater than or equal to 1",
            ],
        ),
        (
            secretsmanager.CreateSecretRequest(Name="n", SecretString="", SecretBinary=b""),
            [
                f"Value at 'secretBinary' {FAILED} have length greater than or equal to 1",
                f"Value at 'secretString' {FAILED} have length greater than or equal to 1",
            ],
        ),
        (
            secretsmanager.CreateSecretRequest(
                Name="n", AddReplicaRegions=[secretsmanager.ReplicaRegionType(Region="a")]
            ),
            [
                f"Value 'a' at 'addReplicaRegions.1.member.region' {FAILED} satisfy regular expression pattern: "
                "^([a-z]+-)+\\d+$"
            ],
        ),
        (
            sts.AssumeRoleRequest(RoleArn="x", RoleSessionName="a b"),
            [
                f"Value 'x' at 'roleArn' {FAILED} have length greater than or equal to 20",
                f"Value 'a b' at 'roleSessionName' {FAILED} satisfy regular expression pattern: [\\w+=,.@-]*",
            ],
        ),
        (
            # As AWS was seen to order them: the pattern, then the length.
            sts.AssumeRoleRequest(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="!"),
            [
                f"Value '!' at 'roleSessionName' {FAILED} satisfy regular expression pattern: [\\w+=,.@-]*",
                f"Value '!' at 'roleSessionName' {FAILED} have length greater than or equal to 2",
            ],
        ),
        (
            ssm.LabelParameterVersionRequest(Name="n", Labels=["x" * 101]),
            [
                f"Value '[{'x' * 101}]' at 'labels' {FAILED} satisfy constraint: [Member must have length less than or "
                "equal to 100, Member must have length greater than or equal to 1]"
            ],
        ),
        (
            kms.EncryptRequest(KeyId="k", Plaintext=b"x" * 4097),
            [f"Value at 'plaintext' {FAILED} have length less than or equal to 4096"],
        ),
        (
            secretsmanager.PutSecretValueRequest(SecretId="s", RotationToken="short"),
            [f"Value at 'rotationToken' {FAILED} have length greater than or equal to 36"],
        ),
    ],
)
def test_texts_of_the_services(value: Shape, texts: list[str]) -> None:
    assert violations(value) == texts


@pytest.mark.parametrize("length", [1, 65536])
def test_lengths_are_counted_in_code_points(length: int) -> None:
    assert violations(secretsmanager.PutSecretValueRequest(SecretId="s", SecretString="\U0001d4b3" * length)) == []
    assert violations(secretsmanager.PutSecretValueRequest(SecretId="s", SecretString="\U0001d4b3" * 65537)) != []


# -- the model, read a second way -------------------------------------------------------------------------------------


@cache
def model(service: str) -> dict[str, Any]:
    source = next(source for source in counterpart.generator().SOURCES if source.name == service)
    return counterpart.generator().load_model(source)["shapes"]


def first_lower(name: str) -> str:
    return name[0].lower() + name[1:]


def rules(shape: dict[str, Any], value: Any) -> Iterator[str]:
    """What a single value breaks."""
    far_too_long = "max" in shape and isinstance(value, str) and len(value) > max(shape["max"], PATTERN_LIMIT)
    if "pattern" in shape and not far_too_long and not compile_pattern(shape["pattern"]).fullmatch(value):
        yield f"satisfy regular expression pattern: {shape['pattern']}"
    if "enum" in shape and value not in shape["enum"]:
        yield f"satisfy enum value set: [{', '.join(shape['enum'])}]"
    measured, what = (value, "value") if isinstance(value, int | float) else (len(value), "length")
    if measured > shape.get("max", 2**63):
        yield f"have {what} less than or equal to {shape['max']}"
    if measured < shape.get("min", -(2**63)):
        yield f"have {what} greater than or equal to {shape['min']}"


def expected(shapes: dict[str, Any], name: str, value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and constraint of everything that a value breaks."""
    shape = shapes[name]
    if shape["type"] == "structure":
        for member, use in shape["members"].items():
            at = f"{path}.{first_lower(member)}".removeprefix(".")
            if member in value:
                if shapes[use["shape"]]["type"] not in ("structure", "boolean", "timestamp"):
                    yield from ((at, rule) for rule in rules(shapes[use["shape"]], value[member]))
                yield from expected(shapes, use["shape"], value[member], at)
            elif member in shape.get("required", ()):
                yield at, "not be null"
    elif shape["type"] == "list":
        entry = shapes[shape["member"]["shape"]]
        if entry["type"] not in ("structure", "timestamp") and any(next(rules(entry, e), None) for e in value):
            yield path, "satisfy constraint"
        for index, item in enumerate(value, 1):
            yield from expected(shapes, shape["member"]["shape"], item, f"{path}.{index}.member")
    elif shape["type"] == "map":
        for part, content in (("key", list(value)), ("value", list(value.values()))):
            if any(next(rules(shapes[shape[part]["shape"]], e), None) for e in content):
                yield path, "satisfy constraint"


def made(shapes: dict[str, Any], name: str, source: random.Random) -> Any:
    """A value near the bounds of its shape, on either side."""
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure":
        return {m: made(shapes, use["shape"], source) for m, use in shape["members"].items() if source.random() < 0.8}
    if kind in ("boolean", "timestamp"):
        return source.choice((True, False)) if kind == "boolean" else source.random() * 2**32
    low, high = shape.get("min", 0), shape.get("max", 5)
    size = source.choice((low - 1, low, low + 1, high, high + 1))
    if kind in ("integer", "long", "double"):
        return size
    size = max(0, min(size, 3 if kind in ("list", "map") else 5000))
    if kind == "list":
        return [made(shapes, shape["member"]["shape"], source) for _ in range(size)]
    if kind == "map":
        return {"k" * n: made(shapes, shape["value"]["shape"], source) for n in range(size)}
    if kind == "string" and "enum" in shape and source.random() < 0.7:
        return source.choice(shape["enum"])
    return bytes(size) if kind == "blob" else source.choice(("a", "A", "1", "é", "/", " ")) * size


INPUTS = [(module.METADATA.name, operation.input) for module in MODULES for operation in module.OPERATIONS.values()]


@settings(max_examples=600)
@given(st.sampled_from(INPUTS), st.randoms(use_true_random=False))
def test_every_violation_of_the_model_is_reported_once(case: tuple[str, type[Shape]], source: random.Random) -> None:
    service, structure = case
    shapes = model(service)
    if structure.__name__ not in shapes:  # an operation without input
        assert violations(structure()) == []
        return
    value = made(shapes, structure.__name__, source)
    wanted = list(expected(shapes, structure.__name__, value, ""))
    found = violations(counterpart.to_shape(value, structure))
    assert len(found) == len(wanted)
    for text, (path, rule) in zip(found, wanted, strict=True):
        assert f" at '{path}' failed to satisfy constraint: " in text
        assert rule in text or rule == "satisfy constraint"
        assert (rule == "satisfy constraint") == (" must satisfy constraint: [" in text)


# -- exemptions -------------------------------------------------------------------------------------------------------


def test_a_service_may_keep_a_rule_to_itself() -> None:
    request = secretsmanager.DeleteSecretRequest(SecretId="", RecoveryWindowInDays=10**30)
    check = validator(
        secretsmanager.DeleteSecretRequest, {"RecoveryWindowInDays": {"minimum", "maximum"}, "SecretId": ["minimum"]}
    )
    check(request)
    with pytest.raises(ValidationException, match=r"'secretId' failed to satisfy constraint: Member must not be null$"):
        check(secretsmanager.DeleteSecretRequest(RecoveryWindowInDays=1))


@pytest.mark.parametrize(
    ("exempt", "value"),
    [
        ({"One.Key": ["required"], "Many.Key": ["required"]}, Outer(One=Inner(), Many=[Inner()])),
        ({"Many.Names.member": ["minimum", "pattern", "maximum"]}, Outer(Many=[Inner(Key="k", Names=["", "XXX"])])),
        ({"Deep.member.Key": ["required"]}, Outer(Deep=[[Inner()]])),
        ({"ByName.key": ["pattern"]}, Outer(ByName={"X": Inner(Key="k")})),
        ({"Limits.member": ["minimum"]}, Outer(Limits={"x": []})),
        ({"SAMLOptions": ["enum"]}, Outer(SAMLOptions="C")),
        ({"Count": ["maximum"]}, Outer(Count=2**70)),
    ],
)
def test_exemptions_reach_every_place(exempt: dict[str, Any], value: Shape) -> None:
    assert violations(value) != []
    validator(type(value), exempt)(value)


@pytest.mark.parametrize(
    "exempt", [{"Nothing": ["minimum"]}, {"SecretId": ["pattern"]}, {"SecretId": ["minimum", "enum"]}]
)
def test_an_exemption_from_nothing_is_a_mistake(exempt: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no such rules"):
        validator(secretsmanager.DeleteSecretRequest, exempt)


# -- threats ----------------------------------------------------------------------------------------------------------

MARK = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    "value",
    [
        secretsmanager.CreateSecretRequest(SecretString=MARK * 5000, SecretBinary=MARK.encode() * 5000),
        secretsmanager.PutSecretValueRequest(RotationToken=MARK * 100),
        secretsmanager.PutSecretValueRequest(RotationToken=f"!{MARK}"),
        kms.EncryptRequest(Plaintext=MARK.encode() * 5000),
        sts.AssumeRoleWithWebIdentityRequest(WebIdentityToken=MARK * 5000),
        Outer(Many=[Inner(Key="k", Secret=MARK)] * 3),
        Outer(One=Inner(Secret=MARK)),
        Outer(Hidden=[MARK]),
    ],
)
def test_what_is_sensitive_is_not_echoed(value: Shape) -> None:
    texts = violations(value)
    assert texts
    assert not any(MARK in text or repr(MARK.encode())[2:-1] in text for text in texts)


def test_a_hostile_list_does_not_make_a_hostile_answer() -> None:
    with pytest.raises(ValidationException) as caught:
        validate(secretsmanager.TagResourceRequest(SecretId="s", Tags=[secretsmanager.Tag(Key="")] * 100_000))
    message = caught.value.message or ""
    assert message.startswith(f"{VIOLATIONS} validation errors detected: ")
    assert len(message) < 200 * VIOLATIONS


def test_a_hostile_list_is_not_echoed_to_its_end() -> None:
    (text,) = violations(secretsmanager.ListSecretsRequest(Filters=[secretsmanager.Filter()] * 300_000))
    assert text.startswith("Value '[Filter(key=null, values=null), Filter(key=null, ")
    assert text.endswith(f"...' at 'filters' {FAILED} have length less than or equal to 10")
    assert len(text) < 10 * ECHO_PARTS
    (text,) = violations(secretsmanager.ListSecretsRequest(Filters=[secretsmanager.Filter()] * 1000))
    assert text.endswith(f"values=null)]' at 'filters' {FAILED} have length less than or equal to 10")


def test_deep_structures_are_refused() -> None:
    value = Outer()
    for _ in range(5000):
        value = Outer(Itself=value)
    with pytest.raises(SerializationException):
        validate(value)
    while (inner := value.Itself) is not None:  # one by one: freeing it at once would recurse
        value.Itself = None
        value = inner


class Catastrophic(Shape):
    Value: Annotated[str, Constraint(maximum=10, pattern="(a+)+")] | None = None


def test_a_value_far_too_long_is_not_matched() -> None:
    value = Catastrophic(Value="a" * PATTERN_LIMIT + "!")
    assert [text[-44:] for text in violations(value)] == ["Member must have length less than or equal to 10"[-44:]]


def patterns() -> list[str]:
    found: set[str] = set()
    for service in ("cloudtrail", "events", "holdfast", "iam", "kms", "lambda_", "secretsmanager", "sns", "ssm", "sts"):
        found.update(shape["pattern"] for shape in model(service).values() if "pattern" in shape)
    return sorted(found)


@pytest.mark.parametrize("pattern", patterns())
def test_every_pattern_compiles_and_survives_hostile_values(pattern: str) -> None:
    matches = compile_pattern(pattern).fullmatch
    pieces = (
        "a",
        "a ",
        "a-",
        "-",
        "0",
        "1.",
        ".",
        "/",
        "/a",
        ":",
        "a:",
        " ",
        "\n",
        "é",
        "arn:aws:",
        "kms/xks/v1",
        "=",
        "*",
    )
    started = time.process_time()
    for piece in pieces:
        for end in ("", "!", "\x01", piece[:-1]):
            matches(piece * (20_000 // len(piece)) + end)
            matches("a-" + piece * 5_000 + end)
    # 144 values in well under a second; one exponential pattern would not return at all, a quadratic one takes minutes.
    assert time.process_time() - started < 3


@given(value=st.text("ab \t:\x7f\né", max_size=12), pattern=st.sampled_from(sorted(LINEAR)))
def test_a_pattern_that_is_written_otherwise_means_the_same(value: str, pattern: str) -> None:
    as_it_is = re.compile(translate(pattern), re.ASCII)
    assert bool(compile_pattern(pattern).fullmatch(value)) is bool(as_it_is.fullmatch(value))


# -- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (
            r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+",
            ["Straße 7", "漢字", "\U0001d4b3", "\u00a0", "Ⅷ", "a-b@c"],
            ["", "a!", "a\n", "e\u0301", "€"],
        ),
        (r"\p{Lu}\p{Nd}*", ["A", "Ä٣"], ["a", "A²"]),
        (r"\w+", ["aZ_9"], ["é", "٣"]),
        (r"\d\s\S", ["1 x", "1\t漢"], ["٣ x", "1\u00a0x"]),
        (r"^[a-z]+$", ["ab"], ["ab\n", "\nab", "Ab"]),
        (r"a|b$", ["a", "b"], ["ab", ""]),
        (r"a.b", ["axb", "a\tb", "a\U0001d4b3b"], ["a\nb", "a\rb", "a\u0085b", "a\u2028b"]),
        (r"(?s)a.b", ["a\nb"], ["ab"]),
        (r"[.]", ["."], ["x"]),
        (r"[\w-/.]+", ["a-/."], ["+"]),
        (r"[\uD800\uDC00-\uDBFF\uDFFF\t]*", ["\U00010000\U0010ffff\t"], ["a", "\ud800"]),
        (r"[\u0009\u0020-\u00FF]+", ["\t é"], ["\u0100", "\n"]),
        (r"[\u10000-\u10FFFF]+", ["\u1000", "0", "F", "\u10ff"], ["\U00010000", "/"]),
        (r"(?<x>a)(?<!b)(?<=a)\1", ["aa"], ["a"]),
        (r"a*+b", ["aab"], ["aa"]),
        (r"[a||b&~~c]+", ["a|b&~c"], ["-"]),
        (r"\[\]\\\.", ["[]\\."], ["[]."]),
    ],
)
def test_translation(pattern: str, matching: list[str], other: list[str]) -> None:
    matches = compile_pattern(pattern).fullmatch
    assert [value for value in matching if not matches(value)] == []
    assert [value for value in other if matches(value)] == []


@pytest.mark.parametrize(
    "pattern", [r"[a-z&&[^b]]", r"[[a]b]", r"\p{IsLatin}", r"\p{Alpha}", r"\P{L}", r"\Qa\E", r"\h"]
)
def test_what_has_no_translation_is_refused(pattern: str) -> None:
    with pytest.raises((ValueError, re.error)):
        compile_pattern(pattern)


@given(st.characters(), st.sampled_from(["L", "Z", "N", "P", "M", "S", "Lu", "Zs"]))
def test_categories_are_unicodes(character: str, category: str) -> None:
    inside = unicodedata.category(character).startswith(category)
    assert bool(compile_pattern(f"\\p{{{category}}}").fullmatch(character)) == inside


def test_a_translation_says_what_it_means() -> None:
    assert translate(r"^[\w-]+.(?<n>x)$") == r"^[\w\-]+[^\n\r\u0085\u2028\u2029](?P<n>x)$"
