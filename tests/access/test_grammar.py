"""The grammar of policies and AWS's texts for breaking it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.access.document import LEGACY, MAXIMUM_LENGTH, SYNTAX, VERSION, PolicyError
from holdfast.access.grammar import demand_current_version, read_policy
from holdfast.access.policy import PolicyKind, compile_policy

HOME = "111122223333"
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
SID = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
IDENTITY_KINDS = (PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION)


def statement(**changes: Any) -> dict[str, Any]:
    """A valid one of an identity policy; None takes an element out."""
    found = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"} | changes
    return {name: value for name, value in found.items() if value is not None}


def document(*statements: Any, **changes: Any) -> str:
    found = {"Version": "2012-10-17", "Statement": list(statements)} | changes
    return json.dumps({name: value for name, value in found.items() if value is not None})


def refusal(text: str, kind: PolicyKind = PolicyKind.IDENTITY) -> str:
    with pytest.raises(PolicyError) as refused:
        compile_policy(text, name="p", kind=kind)
    assert str(refused.value) == refused.value.message
    return refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        document(statement()),
        document(Statement=statement()),  # one statement without a list
        document(statement(), Version=None),
        document(statement(), Version="2008-10-17", Id="some id"),
        document(statement(Sid=""), statement(Sid="")),
        document(statement(Sid="One1"), statement(Sid="Two2", Effect="Deny")),
        document(statement(Action=["kms:*", "*", "s3:Get?bject"], Resource=["arn:aws:s3:::b/*", "*"])),
        document(statement(Action=None, NotAction="iam:*", Resource=None, NotResource="arn:aws:iam::*:role/x")),
        document(statement(Resource="arn:aws:secretsmanager:*")),  # ends early, with a star
        document(statement(Resource="arn:*:s3:::b")),
        document(statement(Resource="arn:aws-us-gov:s3:::b")),
        document(statement(Resource="arn:aws:s3:::b/${aws:username}/*")),
        document(statement(Resource="arn:aws:s3:::${aws:PrincipalTag/a:b}")),
        document(statement(Condition={})),
        document(statement(Condition={"StringEquals": {"aws:username": ["a", 1, 1.5, True]}, "Null": {"a:b": "true"}})),
        document(statement(Condition={"StringEquals": {"host:8443/path:sub": []}})),
    ],
)
def test_identity_policies(text: str) -> None:
    for kind in IDENTITY_KINDS:
        assert compile_policy(text, name="p", kind=kind).statements


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", SYNTAX),
        ("This is not JSON", SYNTAX),
        ("[]", SYNTAX),
        ('"x"', SYNTAX),
        ("{}", SYNTAX),
        ('{"Version":"2012-10-17","Statement":[NaN]}', SYNTAX),
        (document(statement(), Version="2012-10-18"), SYNTAX),
        (document(statement(), Version=20121017), SYNTAX),
        (document(statement(), Id=1), SYNTAX),
        (document(statement(), Else="x"), SYNTAX),
        (document(), SYNTAX),
        (document("x"), SYNTAX),
        (document([statement()]), SYNTAX),
        (document(statement(Else="x")), SYNTAX),
        (document(statement(Effect=None)), SYNTAX),
        (document(statement(Effect="allow")), SYNTAX),
        (document(statement(Effect=["Allow"])), SYNTAX),
        (document(statement(Sid=1)), SYNTAX),
        (document(statement(Sid="with space")), SID),
        (document(statement(Sid="A"), statement(Sid="A")), "Statement IDs (SID) in a single policy must be unique."),
        (document(statement(Action=None)), "Policy statement must contain actions."),
        (document(statement(Action=[])), "Policy statement must contain actions."),
        (document(statement(Resource=None)), "Policy statement must contain resources."),
        (document(statement(Resource=[])), "Policy statement must contain resources."),
        (document(statement(NotAction="s3:*")), SYNTAX),
        (document(statement(NotResource="*")), SYNTAX),
        (document(statement(Action=1)), SYNTAX),
        (document(statement(Action=["s3:*", None])), SYNTAX),
        (document(statement(Action={"s3:*": "s3:*"})), SYNTAX),
        (document(statement(Action="Decrypt")), VENDOR),
        (document(statement(Action="")), VENDOR),
        (document(statement(Action="**")), VENDOR),
        (document(statement(Action="ec2:ec2:Run")), "Actions/Condition can contain only one colon."),
        (document(statement(Action="a a:Run")), "Vendor a a is not valid"),
        (document(statement(Action=":Run")), "Vendor  is not valid"),
        (document(statement(Action="ec2:")), LEGACY),
        (document(statement(Resource="bucket")), 'Resource bucket must be in ARN format or "*".'),
        (document(statement(Resource="")), 'Resource  must be in ARN format or "*".'),
        (document(statement(Resource="**")), 'Resource ** must be in ARN format or "*".'),
        (document(statement(Resource="arn:x")), 'Resource arn:x must be in ARN format or "*".'),
        (
            document(statement(Resource="arn:${ARN_PARTITION}:s3:::b")),
            'Partition "${ARN_PARTITION}" is not valid for resource "arn:${ARN_PARTITION}:s3:::b".',
        ),
        (
            document(statement(Resource="arn:error:s3:::b")),
            'Partition "error" is not valid for resource "arn:error:s3:::b".',
        ),
        (document(statement(Resource="arn:aws:iam:7934:user/me")), LEGACY),  # a colon is missing
        (document(statement(Principal="*")), "Policy document should not specify a principal."),
        (document(statement(NotPrincipal="*")), "Policy document should not specify a principal."),
        (document(statement(Condition=[])), SYNTAX),
        (document(statement(Condition={"StringEquals": "x"})), SYNTAX),
        (document(statement(Condition={"StringEquals": {"username": "x"}})), VENDOR),
        (document(statement(Condition={"StringEquals": {"a:b": None}})), SYNTAX),
        (document(statement(Condition={"StringEquals": {"a:b": [["x"]]}})), SYNTAX),
        (document(statement(Condition={"StringEquals": {"a:b": {"x": "y"}}})), SYNTAX),
        (document(statement(Condition={"Equals": {"a:b": "x"}})), SYNTAX),
        (document(statement(Condition={"ArnEquals": {"a:b": "cluster"}})), LEGACY),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    "text",
    [
        '{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}',
        '{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}',
        '{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"a:b":"true","a:b":"false"}}}}',
    ],
)
def test_repeated_names_are_refused(text: str) -> None:
    """Whoever reviews the policy and whoever evaluates it could disagree on which of them counts."""
    assert refusal(text) == SYNTAX


def test_a_refusal_does_not_carry_the_document() -> None:
    with pytest.raises(PolicyError) as refused:
        compile_policy('{"secret": "hunter2', name="p", kind=PolicyKind.IDENTITY)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_length() -> None:
    padding = " " * MAXIMUM_LENGTH
    assert refusal(document(statement()) + padding) == SYNTAX
    compile_policy(document(statement()) + padding[:100_000], name="p", kind=PolicyKind.IDENTITY)


def test_managed_policies_need_the_current_version() -> None:
    for text in (document(statement(), Version="2008-10-17"), document(statement(), Version=None)):
        with pytest.raises(PolicyError, match=VERSION):
            demand_current_version(read_policy(text, PolicyKind.IDENTITY))
    demand_current_version(read_policy(document(statement()), PolicyKind.IDENTITY))


USER = f"arn:aws:iam::{HOME}:user/a"
THEIRS = (PolicyKind.RESOURCE, PolicyKind.KEY, PolicyKind.TRUST)


def theirs(kind: PolicyKind, **changes: Any) -> dict[str, Any]:
    """A valid statement of a resource, key or trust policy."""
    if kind is PolicyKind.TRUST:
        return statement(Action="sts:AssumeRole", Resource=None, **({"Principal": "*"} | changes))
    return statement(**({"Principal": "*"} | changes))


@pytest.mark.parametrize("kind", THEIRS)
@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": HOME},
        {"AWS": f"arn:aws:iam::{HOME}:root"},
        {"AWS": [USER, f"arn:aws:iam::{HOME}:role/path/Role"]},
        {"AWS": f"arn:aws:sts::{HOME}:assumed-role/Role/session@example.com"},
        {"AWS": f"arn:aws:sts::{HOME}:federated-user/bob"},
        {"AWS": "AIDACKCEVSQ6C2EXAMPLE"},
        {"AWS": "AROAXXXXXXXXXXXXXXXXX"},
        {"Service": ["secretsmanager.amazonaws.com", "logs.eu-west-1.amazonaws.com"]},
        {"Federated": f"arn:aws:iam::{HOME}:oidc-provider/token.actions.githubusercontent.com"},
        {"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},
        {"AWS": USER, "Service": "lambda.amazonaws.com"},
    ],
)
def test_principals(kind: PolicyKind, principal: Any) -> None:
    compile_policy(document(theirs(kind, Principal=principal)), name="p", kind=kind)


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:iam::*:root"},
        {"AWS": f"arn:aws:iam::{HOME}:user/*"},
        {"AWS": f"arn:aws:iam::{HOME}:group/admins"},
        {"AWS": f"arn:aws:sts::{HOME}:assumed-role/Role/*"},
        {"AWS": f"arn:aws:sts::{HOME}:assumed-role/Role"},
        {"AWS": "1234"},
        {"AWS": ""},
        {"Service": "*"},
        {"Service": "secretsmanager"},
        {"Federated": "*"},
    ],
)
def test_invalid_principals(principal: dict[str, str]) -> None:
    ((type_, value),) = principal.items()
    for kind, message in (
        (PolicyKind.TRUST, f'Invalid principal in policy: "{type_.upper()}":"{value}"'),
        (PolicyKind.KEY, "Policy contains a statement with one or more invalid principals."),
        (PolicyKind.RESOURCE, "This resource policy contains an unsupported principal."),
    ):
        assert refusal(document(theirs(kind, Principal=principal)), kind) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Principal": None}, "Missing required field Principal"),
        ({"Principal": {}}, "Missing required field Principal"),
        ({"Principal": USER}, SYNTAX),
        ({"Principal": ["*"]}, SYNTAX),
        ({"Principal": {"User": USER}}, SYNTAX),
        ({"Principal": {"AWS": {"ARN": USER}}}, SYNTAX),
        ({"Principal": {"AWS": 111122223333}}, SYNTAX),
        ({"NotPrincipal": {"AWS": USER}}, SYNTAX),  # beside Principal
    ],
)
def test_broken_principals(changes: dict[str, Any], message: str) -> None:
    for kind in THEIRS:
        with pytest.raises(PolicyError) as refused:
            compile_policy(document(theirs(kind, **changes)), name="p", kind=kind)
        assert (refused.value.message, refused.value.about) == (message, "principal")


def test_not_principal() -> None:
    except_user = {"Principal": None, "NotPrincipal": {"AWS": USER}}
    for kind in (PolicyKind.RESOURCE, PolicyKind.KEY):
        compile_policy(document(theirs(kind, Effect="Deny", **except_user)), name="p", kind=kind)
        assert refusal(document(theirs(kind, **except_user)), kind) == SYNTAX  # with Allow: not supported
    trust = document(theirs(PolicyKind.TRUST, Effect="Deny", **except_user))
    assert refusal(trust, PolicyKind.TRUST) == "Has prohibited field NotPrincipal"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"NotResource": "*"}, "Has prohibited field NotResource"),
        ({"Action": "*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": None, "NotAction": "sts:AssumeRole"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Action": None}, "Policy statement must contain actions."),
    ],
)
def test_trust_policies(changes: dict[str, Any], message: str) -> None:
    base = {"Effect": "Allow", "Principal": {"AWS": HOME}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    compile_policy(document(base), name="p", kind=PolicyKind.TRUST)
    changed = {name: value for name, value in (base | changes).items() if value is not None}
    assert refusal(document(changed), PolicyKind.TRUST) == message


def test_sids_of_other_policies_are_freer() -> None:
    """AWS's own default key policy has spaces in its Sid."""
    twice = [theirs(PolicyKind.KEY, Sid="Enable IAM User Permissions") for _ in range(2)]
    compile_policy(document(*twice), name="p", kind=PolicyKind.KEY)
    assert refusal(document(*twice), PolicyKind.RESOURCE) == "Statement IDs (SID) in a single policy must be unique."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Allow", "*", "kms:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Version",
                    "Statement",
                    "Effect",
                    "Action",
                    "Resource",
                    "Principal",
                    "AWS",
                    "Condition",
                    "Bool",
                    "a:b",
                    "x",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values, st.sampled_from(list(PolicyKind)))
def test_no_json_breaks_it(value: Any, kind: PolicyKind) -> None:
    with suppress(PolicyError):
        compile_policy(json.dumps(value), name="p", kind=kind)


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    with pytest.raises(PolicyError):
        compile_policy(text, name="p", kind=PolicyKind.IDENTITY)
