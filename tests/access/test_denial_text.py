"""AWS's sentences for denials (platform facts, section 5)."""

from __future__ import annotations

import pytest

from holdfast.access.decision import Decision, MatchedStatement, Outcome, PolicyKind, denial_text

ROLE = "arn:aws:sts::111122223333:assumed-role/App/one"
SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"
GET = "secretsmanager:GetSecretValue"
START = f"User: {ROLE} is not authorized to perform: {GET} on resource: {SECRET} "


@pytest.mark.parametrize(
    ("missing", "lacking", "denying"),
    [
        ("identity-policy", "no identity-based policy", "an identity-based policy"),
        ("resource-policy", "no resource-based policy", "a resource-based policy"),
        ("key-policy", "no resource-based policy", "a resource-based policy"),
        ("permissions-boundary", "no permissions boundary", "a permissions boundary"),
        ("session-policy", "no session policy", "a session policy"),
        ("trust-policy", "no role trust policy", "the role trust policy"),
    ],
)
def test_texts(missing: str, lacking: str, denying: str) -> None:
    implicit = Decision(Outcome.IMPLICIT_DENY, GET, SECRET, ROLE, missing=missing)
    assert denial_text(implicit) == f"{START}because {lacking} allows the {GET} action"
    inline = MatchedStatement("inline policy x on role App", "", 0, "Deny", missing)
    explicit = Decision(Outcome.EXPLICIT_DENY, GET, SECRET, ROLE, (inline,), missing)
    assert denial_text(explicit) == f"{START}with an explicit deny in {denying}"


def test_an_action_without_resource() -> None:
    decision = Decision(Outcome.IMPLICIT_DENY, "secretsmanager:ListSecrets", "*", ROLE, missing="identity-policy")
    assert denial_text(decision) == (
        f"User: {ROLE} is not authorized to perform: secretsmanager:ListSecrets because no identity-based policy allows"
        " the secretsmanager:ListSecrets action"
    )


@pytest.mark.parametrize("kind", [PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION])
def test_a_managed_policy_that_denies_is_named(kind: PolicyKind) -> None:
    arn = "arn:aws:iam::111122223333:policy/guard"
    matched = (
        MatchedStatement("arn:aws:iam::aws:policy/AdministratorAccess", "", 0, "Allow", kind),
        MatchedStatement(arn, "No", 3, "Deny", kind),
    )
    text = denial_text(Decision(Outcome.EXPLICIT_DENY, GET, SECRET, ROLE, matched, kind))
    assert text.endswith(f": {arn}")


def test_a_foreign_resources_policy_is_not_named() -> None:
    matched = (MatchedStatement("arn:aws:secretsmanager:::secret:x", "", 0, "Deny", PolicyKind.RESOURCE),)
    text = denial_text(Decision(Outcome.EXPLICIT_DENY, GET, SECRET, ROLE, matched, PolicyKind.RESOURCE))
    assert text == f"{START}with an explicit deny in a resource-based policy"


def test_the_kind_that_denied_is_the_one_named() -> None:
    matched = (
        MatchedStatement("arn:aws:iam::1:policy/boundary", "", 0, "Deny", PolicyKind.BOUNDARY),
        MatchedStatement("arn:aws:iam::1:policy/own", "", 0, "Deny", PolicyKind.IDENTITY),
    )
    text = denial_text(Decision(Outcome.EXPLICIT_DENY, GET, SECRET, ROLE, matched, PolicyKind.IDENTITY))
    assert text.endswith("with an explicit deny in an identity-based policy: arn:aws:iam::1:policy/own")
