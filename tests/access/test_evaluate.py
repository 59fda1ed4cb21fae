"""Evaluation against AWS's documented rules: who needs which allow, and what limits it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from holdfast.access.decision import Decision, Outcome, PolicyKind
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import GrantStatement, Identity, SessionFacts
from holdfast.access.policy import CompiledPolicy, compile_policy
from holdfast.access.principal import (
    Principal,
    PrincipalKind,
    operator_of,
    root_of,
    service_principal,
    service_role,
    web_identity,
)
from holdfast.access.request import AccessRequest

HOME, ABROAD = "111122223333", "444455556666"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{HOME}:secret:db-AbCdEf"
KEY = f"arn:aws:kms:eu-west-1:{HOME}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TARGET = f"arn:aws:iam::{HOME}:role/Target"
GET, DECRYPT, ASSUME = "secretsmanager:GetSecretValue", "kms:Decrypt", "sts:AssumeRole"
ALLOW, IMPLICIT, EXPLICIT = Outcome.ALLOW, Outcome.IMPLICIT_DENY, Outcome.EXPLICIT_DENY


def policy(*statements: dict[str, Any], kind: PolicyKind = PolicyKind.IDENTITY, name: str = "p") -> CompiledPolicy:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return compile_policy(json.dumps(document), name=name, kind=kind)


def allow(action: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*", **more}


def deny(action: str = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, **more), "Effect": "Deny"}


YES = policy(allow())
NO = policy(deny())
OTHER = policy(allow("s3:GetObject"))


def user(account: str = HOME, **more: Any) -> Identity:
    return Identity(
        Principal(PrincipalKind.USER, account, f"arn:aws:iam::{account}:user/staff/alice", "AIDAALICE00000000"), **more
    )


def session(account: str = HOME, **more: Any) -> Identity:
    arn = f"arn:aws:sts::{account}:assumed-role/App/one"
    return Identity(
        Principal(PrincipalKind.ASSUMED_ROLE, account, arn, "AROAAPP000000000:one"),
        role_arn=f"arn:aws:iam::{account}:role/teams/App", session=SessionFacts(0), **more,
    )  # fmt: skip


def theirs(kind: PolicyKind, principal: Any, effect: str = "Allow", **more: Any) -> CompiledPolicy:
    """A policy of a resource with one statement about everything."""
    statement: dict[str, Any] = {"Effect": effect, "Principal": principal, "Action": "*", "Resource": "*", **more}
    if kind is PolicyKind.TRUST:
        statement["Action"] = "sts:*"
        del statement["Resource"]
    return policy(statement, kind=kind)


def secret(identity: Identity, resource_policy: CompiledPolicy | None = None) -> Decision:
    return evaluate(identity, AccessRequest(GET, SECRET, HOME), resource_policy=resource_policy)


def key(
    identity: Identity,
    key_policy: CompiledPolicy | None = None,
    grants: tuple[GrantStatement, ...] = (),
    **context: str,
) -> Decision:
    found = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    request = AccessRequest(DECRYPT, KEY, HOME, found)
    return evaluate(identity, request, resource_policy=key_policy, resource_kind="key", grants=grants)


def role(identity: Identity, trust: CompiledPolicy | None = None, action: str = ASSUME) -> Decision:
    return evaluate(identity, AccessRequest(action, TARGET, HOME), resource_policy=trust, resource_kind="trust")


# -- without a resource policy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "outcome", "missing"),
    [
        (user(), IMPLICIT, "identity-policy"),
        (user(policies=(YES,)), ALLOW, ""),
        (user(policies=(OTHER,)), IMPLICIT, "identity-policy"),
        (user(policies=(YES, NO)), EXPLICIT, "identity-policy"),
        (user(policies=(YES,), boundary=YES), ALLOW, ""),
        (user(policies=(YES,), boundary=OTHER), IMPLICIT, "permissions-boundary"),
        (user(policies=(YES,), boundary=NO), EXPLICIT, "permissions-boundary"),
        (user(boundary=YES), IMPLICIT, "identity-policy"),  # a boundary grants nothing
        (session(policies=(YES,), session_policies=(YES,)), ALLOW, ""),
        (session(policies=(YES,), session_policies=(OTHER, YES)), ALLOW, ""),  # the union of those passed
        (session(policies=(YES,), session_policies=(OTHER,)), IMPLICIT, "session-policy"),
        (session(policies=(YES,), session_policies=()), IMPLICIT, "session-policy"),
        (session(policies=(YES,), session_policies=(YES, NO)), EXPLICIT, "session-policy"),
        (session(session_policies=(YES,)), IMPLICIT, "identity-policy"),  # nor does a session policy
        (session(policies=(YES,), boundary=OTHER, session_policies=(OTHER,)), IMPLICIT, "permissions-boundary"),
        (Identity(root_of(HOME)), ALLOW, ""),
        (Identity(root_of(ABROAD)), IMPLICIT, "resource-policy"),
        (Identity(service_role(HOME, "x.amazonaws.com", "X")), ALLOW, ""),
        (Identity(service_role(ABROAD, "x.amazonaws.com", "X")), IMPLICIT, "identity-policy"),
        (Identity(service_principal("x.amazonaws.com")), IMPLICIT, "resource-policy"),
        (Identity(operator_of(HOME)), IMPLICIT, "identity-policy"),
        (user(ABROAD, policies=(YES,)), IMPLICIT, "resource-policy"),
        (user(ABROAD), IMPLICIT, "identity-policy"),
    ],
)
def test_the_callers_own_side(identity: Identity, outcome: Outcome, missing: str) -> None:
    decision = secret(identity)
    assert (decision.outcome, decision.missing) == (outcome, missing)
    assert decision.gaps[:1] == ((missing,) if outcome is IMPLICIT else ())
    assert (decision.action, decision.resource, decision.principal) == (GET, SECRET, identity.principal.arn)


def test_the_operator_runs_the_server_and_nothing_else() -> None:
    for action, outcome in (("holdfast:Explain", ALLOW), (GET, IMPLICIT)):
        assert evaluate(Identity(operator_of(HOME)), AccessRequest(action, "*", HOME)).outcome is outcome
    assert evaluate(Identity(operator_of(HOME)), AccessRequest("holdfast:Explain", "*", ABROAD)).outcome is IMPLICIT


# -- the table of resource-based policies and implicit denies in other policy types (same account) ---------------------

LIMITS: dict[str, dict[str, Any]] = {
    "identity": {},
    "boundary": {"boundary": OTHER},
    "session": {"session_policies": (OTHER,)},
}
NAMED: dict[str, tuple[Any, Callable[..., Identity], set[str]]] = {
    "user": ({"AWS": f"arn:aws:iam::{HOME}:user/staff/alice"}, user, set[str]()),
    "user's id": ({"AWS": "AIDAALICE00000000"}, user, set[str]()),
    "session": ({"AWS": f"arn:aws:sts::{HOME}:assumed-role/App/one"}, session, set[str]()),
    "role": ({"AWS": f"arn:aws:iam::{HOME}:role/teams/App"}, session, {"boundary", "session"}),
    "role's id": ({"AWS": "AROAAPP000000000"}, session, {"boundary", "session"}),
    "everybody": ("*", session, set[str]()),
    "all AWS": ({"AWS": "*"}, user, set[str]()),
    "account": ({"AWS": HOME}, session, {"identity", "boundary", "session"}),
    "root": ({"AWS": f"arn:aws:iam::{HOME}:root"}, user, {"identity", "boundary"}),
    "another user": ({"AWS": f"arn:aws:iam::{HOME}:user/alice"}, user, {"identity", "boundary"}),
    "a deleted user": ({"AWS": "AIDADELETED000000"}, user, {"identity", "boundary"}),
}


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("limit", LIMITS)
def test_what_limits_a_resource_policy(named: str, limit: str) -> None:
    principal, caller, limited_by = NAMED[named]
    if limit == "session" and caller is user:
        return
    decision = secret(caller(**LIMITS[limit]), theirs(PolicyKind.RESOURCE, principal))
    expected = IMPLICIT if limit in limited_by or ("identity" in limited_by) else ALLOW
    assert decision.outcome is expected, decision
    if expected is IMPLICIT and "identity" in limited_by:
        # With an own allow, only the limit is left.
        decision = secret(caller(policies=(YES,), **LIMITS[limit]), theirs(PolicyKind.RESOURCE, principal))
        assert decision.outcome is (ALLOW if limit == "identity" else IMPLICIT)


@pytest.mark.parametrize("principal", ["*", {"AWS": HOME}, {"AWS": f"arn:aws:iam::{HOME}:role/teams/App"}])
def test_a_denial_of_the_resource_wins(principal: Any) -> None:
    decision = secret(session(policies=(YES,)), theirs(PolicyKind.RESOURCE, principal, "Deny"))
    assert (decision.outcome, decision.missing) == (EXPLICIT, "resource-policy")
    root = secret(Identity(root_of(HOME)), theirs(PolicyKind.RESOURCE, principal, "Deny"))
    assert root.outcome is (ALLOW if principal == {"AWS": f"arn:aws:iam::{HOME}:role/teams/App"} else EXPLICIT)


def test_a_direct_grant_does_not_outlive_a_deny() -> None:
    for denied in (user(policies=(NO,)), user(boundary=NO)):
        assert secret(denied, theirs(PolicyKind.RESOURCE, "*")).outcome is EXPLICIT


# -- across accounts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": ABROAD}, {"AWS": f"arn:aws:iam::{ABROAD}:role/teams/App"}, {"AWS": "AROAAPP000000000"}]
)
def test_both_accounts_must_allow(principal: Any) -> None:
    shared = theirs(PolicyKind.RESOURCE, principal)
    assert secret(session(ABROAD, policies=(YES,)), shared).outcome is ALLOW
    assert secret(session(ABROAD), shared).missing == "identity-policy"
    assert secret(session(ABROAD, policies=(YES,))).missing == "resource-policy"
    assert secret(session(ABROAD, policies=(YES,), boundary=OTHER), shared).missing == "permissions-boundary"
    assert secret(session(ABROAD, policies=(YES,), session_policies=(OTHER,)), shared).missing == "session-policy"
    assert secret(session(ABROAD)).gaps == ("identity-policy", "resource-policy")


def test_the_root_user_of_another_account() -> None:
    assert secret(Identity(root_of(ABROAD)), theirs(PolicyKind.RESOURCE, {"AWS": ABROAD})).outcome is ALLOW
    assert secret(Identity(root_of(ABROAD)), theirs(PolicyKind.RESOURCE, {"AWS": HOME})).outcome is IMPLICIT


# -- services and web identities --------------------------------------------------------------------------------------


def test_service_principals() -> None:
    service = Identity(service_principal("events.amazonaws.com"))
    assert secret(service, theirs(PolicyKind.RESOURCE, {"Service": "events.amazonaws.com"})).outcome is ALLOW
    assert secret(service, theirs(PolicyKind.RESOURCE, {"Service": "sns.amazonaws.com"})).missing == "resource-policy"
    assert secret(service, theirs(PolicyKind.RESOURCE, {"AWS": HOME})).outcome is IMPLICIT
    of_account = {"StringEquals": {"aws:SourceAccount": HOME}}
    guarded = theirs(PolicyKind.RESOURCE, {"Service": "events.amazonaws.com"}, Condition=of_account)
    assert secret(service, guarded).outcome is IMPLICIT
    request = AccessRequest(GET, SECRET, HOME, {"aws:SourceAccount": HOME})
    assert evaluate(service, request, resource_policy=guarded).outcome is ALLOW


def test_a_caller_is_not_its_service() -> None:
    """A service-linked role has a service's name, but is not the service principal."""
    linked = Identity(service_role(ABROAD, "events.amazonaws.com", "X"))
    assert secret(linked, theirs(PolicyKind.RESOURCE, {"Service": "events.amazonaws.com"})).outcome is IMPLICIT


def test_web_identities() -> None:
    provider = f"arn:aws:iam::{HOME}:oidc-provider/token.actions.githubusercontent.com"
    bearer = Identity(web_identity(provider, "repo:octo/app"))
    action = "sts:AssumeRoleWithWebIdentity"
    trusted = theirs(
        PolicyKind.TRUST, {"Federated": provider},
        Condition={"StringLike": {"token.actions.githubusercontent.com:sub": "repo:octo/*"}},
    )  # fmt: skip
    for subject, outcome in (("repo:octo/app", ALLOW), ("repo:evil/app", IMPLICIT)):
        request = AccessRequest(action, TARGET, HOME, {"token.actions.githubusercontent.com:sub": subject})
        decision = evaluate(bearer, request, resource_policy=trusted, resource_kind="trust")
        assert decision.outcome is outcome
    other = theirs(PolicyKind.TRUST, {"Federated": provider + "x", "AWS": HOME})
    assert role(bearer, other, action).missing == "trust-policy"


# -- NotPrincipal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "listed", "outcome"),
    [
        (user(policies=(YES,)), [f"arn:aws:iam::{HOME}:user/staff/alice", HOME], ALLOW),
        (user(policies=(YES,)), [f"arn:aws:iam::{HOME}:user/staff/alice"], EXPLICIT),  # the account is missing
        (user(policies=(YES,)), [HOME], EXPLICIT),
        (user(policies=(YES,), boundary=YES), [f"arn:aws:iam::{HOME}:user/staff/alice", HOME], EXPLICIT),
        (
            session(policies=(YES,)),
            [f"arn:aws:sts::{HOME}:assumed-role/App/one", f"arn:aws:iam::{HOME}:role/teams/App", HOME],
            ALLOW,
        ),
        (session(policies=(YES,)), [f"arn:aws:sts::{HOME}:assumed-role/App/one", HOME], EXPLICIT),
        (session(policies=(YES,)), [f"arn:aws:iam::{HOME}:role/teams/App", HOME], EXPLICIT),
        (Identity(root_of(HOME)), [f"arn:aws:iam::{HOME}:root"], ALLOW),
        (Identity(root_of(HOME)), [ABROAD], EXPLICIT),
    ],
)
def test_not_principal(identity: Identity, listed: list[str], outcome: Outcome) -> None:
    found = policy(
        {"Effect": "Deny", "NotPrincipal": {"AWS": listed}, "Action": "*", "Resource": "*"}, kind=PolicyKind.RESOURCE
    )
    assert secret(identity, found).outcome is outcome


# -- KMS --------------------------------------------------------------------------------------------------------------

DELEGATES = theirs(PolicyKind.KEY, {"AWS": f"arn:aws:iam::{HOME}:root"})
NAMES_USER = theirs(PolicyKind.KEY, {"AWS": f"arn:aws:iam::{HOME}:user/staff/alice"})
NOBODY = theirs(PolicyKind.KEY, {"AWS": f"arn:aws:iam::{HOME}:user/bob"})


@pytest.mark.parametrize(
    ("identity", "key_policy", "outcome", "missing"),
    [
        (user(policies=(YES,)), DELEGATES, ALLOW, ""),
        (user(), DELEGATES, IMPLICIT, "identity-policy"),
        (user(), NAMES_USER, ALLOW, ""),
        (user(policies=(YES,)), NOBODY, IMPLICIT, "key-policy"),  # IAM policies count only when the key delegates
        (user(policies=(YES,)), None, IMPLICIT, "key-policy"),
        (Identity(root_of(HOME)), DELEGATES, ALLOW, ""),
        (Identity(root_of(HOME)), NOBODY, IMPLICIT, "key-policy"),  # a root user can be locked out
        (user(policies=(NO,)), NAMES_USER, EXPLICIT, "identity-policy"),
        (user(policies=(YES,)), theirs(PolicyKind.KEY, "*", "Deny"), EXPLICIT, "key-policy"),
        (session(policies=(YES,)), theirs(PolicyKind.KEY, {"AWS": f"arn:aws:iam::{HOME}:role/teams/App"}), ALLOW, ""),
        (
            session(boundary=OTHER), theirs(PolicyKind.KEY, {"AWS": f"arn:aws:iam::{HOME}:role/teams/App"}),
            IMPLICIT, "permissions-boundary",
        ),
        (user(ABROAD, policies=(YES,)), theirs(PolicyKind.KEY, {"AWS": ABROAD}), ALLOW, ""),
        (user(ABROAD), theirs(PolicyKind.KEY, {"AWS": ABROAD}), IMPLICIT, "identity-policy"),
        (user(ABROAD, policies=(YES,)), DELEGATES, IMPLICIT, "key-policy"),
        (Identity(service_role(HOME, "x.amazonaws.com", "X")), DELEGATES, ALLOW, ""),
        (Identity(service_role(HOME, "x.amazonaws.com", "X")), NOBODY, IMPLICIT, "key-policy"),
    ],
)  # fmt: skip
def test_keys(identity: Identity, key_policy: CompiledPolicy | None, outcome: Outcome, missing: str) -> None:
    decision = key(identity, key_policy)
    assert (decision.outcome, decision.missing) == (outcome, missing)


def grant(
    grantee: str, *, equals: dict[str, str] | None = None, subset: dict[str, str] | None = None
) -> GrantStatement:
    return GrantStatement("0c237476b39f8bc4", grantee, frozenset({"Decrypt"}), equals, subset)


ALICE = f"arn:aws:iam::{HOME}:user/staff/alice"


@pytest.mark.parametrize(
    ("grants", "context", "outcome"),
    [
        ((grant(ALICE),), {}, ALLOW),
        ((grant(f"arn:aws:iam::{HOME}:user/bob"),), {}, IMPLICIT),
        ((grant(ALICE, equals={"a": "1"}),), {"a": "1"}, ALLOW),
        ((grant(ALICE, equals={"a": "1"}),), {"a": "1", "b": "2"}, IMPLICIT),
        ((grant(ALICE, equals={"a": "1"}),), {}, IMPLICIT),
        ((grant(ALICE, subset={"a": "1"}),), {"a": "1", "b": "2"}, ALLOW),
        ((grant(ALICE, subset={"a": "1"}),), {"a": "2"}, IMPLICIT),
        ((grant(ALICE, subset={"A": "1"}),), {"a": "1"}, ALLOW),  # a constraint's keys have no case, its values do
        ((grant(ALICE, subset={"a": "x"}),), {"a": "X"}, IMPLICIT),
        ((grant(ALICE, equals={"a": "1"}, subset={"b": "2"}),), {"a": "1"}, IMPLICIT),
        ((grant(ALICE, equals={"x": "1"}), grant(ALICE)), {}, ALLOW),
    ],
)
def test_grants(grants: tuple[GrantStatement, ...], context: dict[str, str], outcome: Outcome) -> None:
    decision = key(user(), NOBODY, grants, **context)
    assert decision.outcome is outcome
    if outcome is ALLOW:
        assert [statement.policy for statement in decision.matched] == ["grant 0c237476b39f8bc4"]
    assert key(user(policies=(NO,)), NOBODY, grants, **context).outcome is EXPLICIT


def test_what_a_grant_does_not_allow() -> None:
    allowed = (grant(ALICE, subset={"a": "1"}),)
    other = AccessRequest("kms:Encrypt", KEY, HOME, {"kms:EncryptionContext:a": "1"})
    assert evaluate(user(), other, resource_policy=NOBODY, resource_kind="key", grants=allowed).outcome is IMPLICIT
    # DescribeKey has no encryption context, so no constraint on it.
    describe = (GrantStatement("g", ALICE, frozenset({"DescribeKey"}), subset={"a": "1"}),)
    request = AccessRequest("kms:DescribeKey", KEY, HOME)
    assert evaluate(user(), request, resource_policy=NOBODY, resource_kind="key", grants=describe).outcome is ALLOW


def test_a_grant_to_another_account_is_enough() -> None:
    foreign = grant(f"arn:aws:iam::{ABROAD}:user/staff/alice")
    assert key(user(ABROAD), NOBODY, (foreign,)).outcome is ALLOW
    assert key(user(ABROAD), NOBODY, (grant(f"arn:aws:iam::{ABROAD}:root"),)).missing == "identity-policy"


# -- trust policies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "principal", "outcome", "missing"),
    [
        (user(), {"AWS": ALICE}, ALLOW, ""),
        (user(), {"AWS": HOME}, IMPLICIT, "identity-policy"),
        (user(policies=(YES,)), {"AWS": HOME}, ALLOW, ""),
        (user(policies=(YES,)), {"AWS": ABROAD}, IMPLICIT, "trust-policy"),
        (user(ABROAD), {"AWS": f"arn:aws:iam::{ABROAD}:user/staff/alice"}, IMPLICIT, "identity-policy"),
        (user(ABROAD, policies=(YES,)), {"AWS": f"arn:aws:iam::{ABROAD}:user/staff/alice"}, ALLOW, ""),
        (Identity(service_principal("lambda.amazonaws.com")), {"Service": "lambda.amazonaws.com"}, ALLOW, ""),
        (Identity(service_principal("lambda.amazonaws.com")), {"AWS": HOME}, IMPLICIT, "trust-policy"),
    ],
)
def test_trust(identity: Identity, principal: Any, outcome: Outcome, missing: str) -> None:
    decision = role(identity, theirs(PolicyKind.TRUST, principal))
    assert (decision.outcome, decision.missing) == (outcome, missing)
    assert role(identity).outcome is IMPLICIT


# -- what a decision keeps --------------------------------------------------------------------------------------------


def test_matched_statements() -> None:
    own = policy(
        allow("s3:*"), allow("secretsmanager:Get*", Sid="Read"), deny("kms:*"), name="arn:aws:iam::1:policy/own"
    )
    found = secret(
        user(policies=(own, YES), boundary=policy(deny("s3:*"), allow(Sid="Bound"), name="boundary")),
        theirs(PolicyKind.RESOURCE, {"AWS": ALICE}),
    )
    assert [(each.policy, each.sid, each.index, each.effect, each.kind) for each in found.matched] == [
        ("arn:aws:iam::1:policy/own", "Read", 1, "Allow", "identity-policy"),
        ("p", "", 0, "Allow", "identity-policy"),
        ("p", "", 0, "Allow", "resource-policy"),
        ("boundary", "Bound", 1, "Allow", "identity-policy"),
    ]


def test_the_action_is_compared_without_regard_to_case_and_the_resource_with() -> None:
    for action in ("secretsmanager:getsecretvalue", "SECRETSMANAGER:GET*"):
        assert secret(user(policies=(policy(allow(action)),))).allowed
    for resource, allowed in ((SECRET, True), (SECRET.replace("db", "DB"), False)):
        assert secret(user(policies=(policy(allow(Resource=resource)),))).allowed is allowed


def test_three_statements_of_the_secret_proxy() -> None:
    """Each single one taken away gives its own denial."""
    checks = [("ssm:GetParameter", f"arn:aws:ssm:eu-west-1:{HOME}:parameter/x"), (GET, SECRET), (DECRYPT, KEY)]
    statements = [allow(action, Resource=resource) for action, resource in checks]
    for missing in range(4):
        caller = user(policies=(policy(*(each for n, each in enumerate(statements) if n != missing), allow("s3:*")),))
        for position, (action, resource) in enumerate(checks):
            decision = evaluate(
                caller, AccessRequest(action, resource, HOME),
                resource_policy=DELEGATES if action == DECRYPT else None,
                resource_kind="key" if action == DECRYPT else "resource",
            )  # fmt: skip
            assert decision.allowed is (position != missing)
            assert decision.missing == ("" if position != missing else "identity-policy")
