"""Scenes (see `holdfast.access.reference`) drawn from a small world, so that policies and requests often meet.

One generator serves the seeded sample and hypothesis: it asks a `random.Random` for every choice, and hypothesis has one
whose choices it can shrink. `engine_decision` puts a scene to the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from holdfast.access.decision import Decision
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import GrantStatement, Identity, SessionFacts
from holdfast.access.policy import CompiledPolicy, PolicyKind, compile_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.request import AccessRequest, KnownCircumstances

Scene = dict[str, Any]

HOME, ABROAD = "111122223333", "444455556666"
NOW = 1_767_323_045_000  # 2026-01-02T03:04:05Z
REGION = "eu-west-1"
SECRETS = tuple(
    f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:{name}"
    for name in ("prod/db-AbCdEf", "prod/api-GhIjKl", "dev/db-MnOpQr", "alice-StUvWx", "blue-YzAbCd")
)
KEY = f"arn:aws:kms:{REGION}:{HOME}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PARAMETER = f"arn:aws:ssm:{REGION}:{HOME}:parameter/prod/db"
ROLE = f"arn:aws:iam::{HOME}:role/Target"
ASKED = {
    "resource": [("secretsmanager:GetSecretValue", resource) for resource in SECRETS]
    + [
        ("secretsmanager:DescribeSecret", SECRETS[0]),
        ("ssm:GetParameter", PARAMETER),
        ("secretsmanager:ListSecrets", "*"),
    ],
    "key": [("kms:Decrypt", KEY), ("kms:DescribeKey", KEY), ("kms:GenerateDataKey", KEY)],
    "trust": [("sts:AssumeRole", ROLE)],
}
TAGS = (
    {}, {}, {"team": "blue"}, {"team": "blue"}, {"team": "red"}, {"TEAM": "alice"}, {"team": ""}, {"team": "*"},
    {"team": "red", "Team": "blue"},
)  # fmt: skip
PROVIDER = f"arn:aws:iam::{HOME}:oidc-provider/tokens.example.org"


def principals(random: Random) -> dict[str, Any]:
    """A caller."""
    account = random.choice((HOME, HOME, ABROAD))
    kind = random.choice(
        ("IAMUser",) * 5 + ("AssumedRole",) * 6 + ("Root", "AWSService", "AWSService", "FederatedUser")
    )
    name = random.choice(("alice", "bob"))
    found: dict[str, Any] = {
        "kind": kind, "account": account, "service": "", "role_arn": "", "session": None,
        "tags": random.choice(TAGS),
    }  # fmt: skip
    if kind == "IAMUser":
        found |= {"arn": f"arn:aws:iam::{account}:user/staff/{name}", "id": f"AIDA{name.upper()}00000000"}
    elif kind == "AssumedRole":
        found |= {
            "arn": f"arn:aws:sts::{account}:assumed-role/App/{name}",
            "role_arn": f"arn:aws:iam::{account}:role/teams/App",
            "id": f"AROAAPP000000000:{name}",
            "session": {
                "issued": NOW - random.choice((0, 1000, 7_200_000)),
                "multi_factor": random.random() < 0.3,
                "source_identity": random.choice(("", "alice")),
            },
        }
    elif kind == "FederatedUser":
        found |= {"arn": f"arn:aws:sts::{account}:federated-user/{name}", "id": f"{account}:{name}"}
    elif kind == "Root":
        found |= {"arn": f"arn:aws:iam::{account}:root", "id": account, "tags": {}}
    elif random.random() < 0.5:
        service = "secretsmanager.amazonaws.com"
        found |= {"account": "", "arn": service, "id": service, "service": service, "tags": {}}
    else:
        service = "rotation.secretsmanager.amazonaws.com"
        arn = f"arn:aws:iam::{account}:role/aws-service-role/{service}/Rotation"
        found |= {"arn": arn, "id": f"{account}:Rotation", "service": service, "tags": {}}
    return found


def web_identity() -> dict[str, Any]:
    return {"kind": "WebIdentityUser", "account": "", "service": "", "role_arn": "", "session": None, "tags": {},
            "arn": PROVIDER, "id": "repo:one"}  # fmt: skip


ACTIONS = (
    "*", "secretsmanager:*", "SecretsManager:getsecretvalue", "secretsmanager:Get*", "secretsmanager:?etSecretValue",
    "secretsmanager:ListSecrets", "secretsmanager:PutSecretValue", "ssm:GetParameter*", "s3:*",
)  # fmt: skip
KMS_ACTIONS = ("*", "kms:*", "kms:Decrypt", "KMS:d*", "kms:*DataKey*", "kms:Encrypt", "s3:*")
STS_ACTIONS = ("sts:AssumeRole", "sts:*", "sts:Assume*", "sts:TagSession")
RESOURCES = (
    "*", "*", f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:*", f"arn:aws:secretsmanager:*:{HOME}:secret:prod/*",
    f"arn:aws:secretsmanager:{REGION}:*:secret:prod/db-??????", SECRETS[0], SECRETS[3], KEY, PARAMETER,
    "arn:aws:kms:*:*:key/*", f"arn:aws:kms:{REGION}:{HOME}:key/1234*90ab", "arn:aws:secretsmanager:*", ROLE,
    f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:${{aws:username}}-*",
    f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:${{aws:PrincipalTag/team}}-*",
    f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:${{aws:PrincipalTag/team, 'blue'}}-*",
    "arn:aws:secretsmanager:*:*:secret:*/${aws:SourceIdentity, 'db'}-*", f"arn:aws:iam::{HOME}:role/*",
    f"arn:aws:secretsmanager:{REGION}:{HOME}:secret:${{*}}", f"arn:aws:ssm:*:{HOME}:parameter/*/db",
)  # fmt: skip
STRINGS = {
    "aws:username": ("alice", "bob", "a*", "${aws:SourceIdentity}"),
    "aws:PrincipalTag/team": ("blue", "red", "b?ue", "", "${aws:username}", "*"),
    "AWS:principaltag/TEAM": ("blue", "alice"),
    "aws:PrincipalType": ("User", "AssumedRole", "user"),
    "aws:PrincipalAccount": (HOME, ABROAD, "${aws:ResourceAccount}"),
    "aws:ResourceAccount": (HOME, "${aws:PrincipalAccount}"),
    "aws:RequestedRegion": (REGION, "us-*", "eu-*"),
    "aws:ResourceTag/team": ("blue", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/team, 'red'}", "${$}blue"),
    "aws:userid": ("AROAAPP000000000:*", "AIDA*"),
    "secretsmanager:VersionStage": ("AWSCURRENT", "AWS*", "awscurrent"),
    "aws:SourceIdentity": ("alice", "bob"),
    "aws:UserAgent": ("aws-cli/*", "Boto3*"),
    "aws:CalledViaFirst": ("secretsmanager.amazonaws.com",),
    "aws:PrincipalServiceName": ("secretsmanager.amazonaws.com",),
    "kms:ViaService": (f"secretsmanager.{REGION}.amazonaws.com", "ssm.*"),
    "kms:EncryptionContext:SecretARN": (SECRETS[0], "arn:aws:secretsmanager:*:secret:prod/*"),
}
SETS = {
    "aws:TagKeys": ("team", "stage", "t*", "TEAM", ""),
    "kms:EncryptionContextKeys": ("SecretARN", "Secret*"),
    "aws:CalledVia": ("secretsmanager.amazonaws.com", "ssm.amazonaws.com"),
    "aws:PrincipalTag/team": ("blue", "", "b*"),
}
TYPED = (
    (("Bool",), "aws:SecureTransport", ("true", "false", "True", True)),
    (("Bool",), "aws:MultiFactorAuthPresent", ("true", "false")),
    (("Bool",), "aws:ViaAWSService", ("true", "false")),
    (("Bool",), "aws:PrincipalIsAWSService", ("true", "false")),
    (("IpAddress", "NotIpAddress"), "aws:SourceIp", ("10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32")),
    (
        ("DateLessThan", "DateGreaterThanEquals", "DateEquals", "DateNotEquals", "DateGreaterThan", "DateLessThanEquals"),
        "aws:CurrentTime",
        ("2026-01-02T03:04:05Z", "2026-01-02", "2026-01-02T05:04:05+02:00", "1767323045", "2025-12-31T23:59:59.5Z"),
    ),
    (("DateLessThan", "DateGreaterThan"), "aws:TokenIssueTime", ("2026-01-02T03:04:05Z", "2026-01-02T02:00:00Z")),
    (("DateGreaterThan", "DateLessThan"), "aws:EpochTime", ("2026-01-01", "1767323046")),
    (
        ("NumericLessThan", "NumericGreaterThanEquals", "NumericEquals", "NumericNotEquals", "NumericLessThanEquals"),
        "secretsmanager:RecoveryWindowInDays",
        (7, "7", 7.5, "30", "-1", 10),
    ),
    (("Null",), "aws:TokenIssueTime", ("true", "false")),
    (("Null",), "aws:TagKeys", ("true", "false")),
    (("Null",), "aws:ResourceTag/team", ("true", False)),
    (
        ("ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"),
        "aws:PrincipalArn",
        (
            f"arn:aws:iam::{HOME}:role/teams/App", "arn:aws:iam::*:role/*", "arn:aws:iam::*:user/staff/${aws:username}",
            "arn:aws:*:*:*:user/*", f"arn:aws:iam::{HOME}:*", "arn:aws:iam::??????222333:*",
        ),
    ),
    (("ArnLike", "ArnNotLike"), "aws:SourceArn", (f"arn:aws:sns:{REGION}:{HOME}:*", "arn:aws:sns:*:*:topic")),
    (("BinaryEquals",), "example:Digest", ("AAH/", "AAEC")),
)  # fmt: skip
STRING_OPERATORS = (
    "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
)  # fmt: skip


RARE_ACTIONS = ("*:*", "s*:Get*", "?ms:*")
UNIQUE_IDS = ("AIDAALICE00000000", "AROAAPP000000000", "AIDADELETED00000")


def some_actions(random: Random, values: tuple[str, ...]) -> Any:
    return some(random, RARE_ACTIONS if random.random() < 0.03 else values)


def some(random: Random, values: tuple[Any, ...]) -> Any:
    """One value, or a list of one or two."""
    if random.random() < 0.5:
        return random.choice(values)
    return [random.choice(values) for _ in range(random.choice((1, 2, 2)))]


def conditions(random: Random) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for _ in range(random.choice((1, 1, 1, 2))):
        way = random.random()
        if way < 0.45:
            key = random.choice(list(STRINGS))
            operator, values = random.choice(STRING_OPERATORS), STRINGS[key]
        elif way < 0.65:
            key = random.choice(list(SETS))
            operator, values = random.choice(STRING_OPERATORS), SETS[key]
            operator = random.choice(("ForAllValues:", "ForAnyValue:", "ForAnyValue:", "")) + operator
        else:
            operators, key, values = random.choice(TYPED)
            operator = random.choice(operators)
        if operator != "Null" and random.random() < 0.15:
            operator += "IfExists"
        found.setdefault(operator, {})[key] = some(random, values)
    return found


def own_arns(principal: dict[str, Any]) -> tuple[str, ...]:
    """Entries of a Principal element that concern the caller or somebody like them."""
    account = principal["account"] or HOME
    return (
        account, f"arn:aws:iam::{account}:root", f"arn:aws:iam::{account}:user/staff/alice",
        f"arn:aws:iam::{account}:role/teams/App", f"arn:aws:iam::{account}:role/teams/App",
        f"arn:aws:sts::{account}:assumed-role/App/alice", f"arn:aws:iam::{HOME}:role/teams/App",
        f"arn:aws:iam::{ABROAD}:user/staff/bob", f"arn:aws:sts::{account}:federated-user/alice",
        f"arn:aws:iam::{HOME}:role/aws-service-role/rotation.secretsmanager.amazonaws.com/Rotation",
    )  # fmt: skip


def principal_element(random: Random, principal: dict[str, Any]) -> Any:
    way = random.random()
    if way < 0.12:
        return "*"
    if way < 0.2:
        return {"AWS": "*"}
    if way < 0.27:
        return {"Service": some(random, ("secretsmanager.amazonaws.com", "lambda.amazonaws.com"))}
    if way < 0.32:
        return {"Federated": PROVIDER, "AWS": random.choice(own_arns(principal))}
    return {"AWS": some(random, UNIQUE_IDS if random.random() < 0.08 else own_arns(principal))}


def excepted(random: Random, principal: dict[str, Any]) -> Any:
    """A NotPrincipal element, now and then one that leaves the caller out whole."""
    if principal["account"] and random.random() < 0.6:
        listed = {principal["arn"], principal["role_arn"], f"arn:aws:iam::{principal['account']}:root"} - {""}
        if random.random() < 0.3:
            listed.pop()
        return {"AWS": sorted(listed)} if listed else {"AWS": HOME}
    return principal_element(random, principal)


def statement(random: Random, place: str, principal: dict[str, Any]) -> dict[str, Any]:
    allow = random.random() < 0.82
    found: dict[str, Any] = {"Effect": "Allow" if allow else "Deny"}
    if place == "resource":
        if not allow and random.random() < 0.25:
            found["NotPrincipal"] = excepted(random, principal)
        else:
            found["Principal"] = principal_element(random, principal)
    actions = KMS_ACTIONS if place == "key" else ACTIONS + KMS_ACTIONS + STS_ACTIONS
    if random.random() < 0.1:
        found["NotAction"] = some_actions(random, actions)
    else:
        found["Action"] = "*" if random.random() < 0.15 else some_actions(random, actions)
    found["NotResource" if random.random() < 0.08 else "Resource"] = some(random, RESOURCES)
    if random.random() < 0.35:
        found["Condition"] = conditions(random)
    if random.random() < 0.5:
        found["Sid"] = f"S{random.randrange(1_000_000)}"
    return found


def policy(random: Random, name: str, place: str, principal: dict[str, Any]) -> dict[str, Any]:
    statements: list[dict[str, Any]] = [statement(random, place, principal) for _ in range(random.choice((1, 2, 2, 3)))]
    for position, each in enumerate(statements):
        if "Sid" in each:
            each["Sid"] += str(position)
    document: dict[str, Any] = {"Statement": statements[0] if len(statements) == 1 else statements}
    if random.random() < 0.92:
        document["Version"] = "2012-10-17"
    elif random.random() < 0.5:
        document["Version"] = "2008-10-17"
    return {"name": name, "document": document}


def resource_policy(random: Random, kind: str, principal: dict[str, Any]) -> dict[str, Any]:
    found = policy(random, f"{kind} policy", "resource", principal)
    statements = found["document"]["Statement"]
    for each in statements if isinstance(statements, list) else [statements]:
        if kind == "key":
            each.pop("NotAction", None)
            each["Action"] = some_actions(random, KMS_ACTIONS)
            each.pop("NotResource", None)
            each["Resource"] = "*"
        if kind == "trust":
            for name in ("NotAction", "Resource", "NotResource"):
                each.pop(name, None)
            each["Action"] = some(random, STS_ACTIONS)
            if "NotPrincipal" in each:
                each["Principal"] = each.pop("NotPrincipal")
    return found


def grants(random: Random, principal: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{position}",
            "grantee": random.choice((*own_arns(principal)[1:9], "secretsmanager.amazonaws.com")),
            "operations": random.sample(["Decrypt", "DescribeKey", "GenerateDataKey", "Encrypt"], 2),
            "equals": random.choice((None, None, {"SecretARN": SECRETS[0]})),
            "subset": random.choice((None, None, {"secretarn": SECRETS[0]}, {"Other": "1"})),
            "source_arn": random.choice(("", "", f"arn:aws:sns:{REGION}:{HOME}:topic")),
        }
        for position in range(random.choice((1, 1, 2)))
    ]


def context_of(random: Random, kind: str) -> dict[str, Any]:
    choices: list[tuple[str, Any]] = [
        ("aws:TagKeys", random.choice((["team"], ["team", "stage"], [], [""]))),
        ("aws:ResourceTag/team", random.choice(("blue", "red", "", "$blue"))),
        ("secretsmanager:VersionStage", "AWSCURRENT"),
        ("secretsmanager:RecoveryWindowInDays", random.choice(("7", "30", "7.5"))),
        ("aws:SourceArn", random.choice((f"arn:aws:sns:{REGION}:{HOME}:topic", "no-arn"))),
        ("example:Digest", random.choice(("AAH/", "x"))),
    ]
    if kind == "key":
        choices = [
            ("kms:ViaService", f"secretsmanager.{REGION}.amazonaws.com"),
            ("kms:EncryptionContext:SecretARN", SECRETS[0]),
            ("kms:EncryptionContextKeys", ["SecretARN"]),
        ]
    found = {name: value for name, value in choices if random.random() < 0.5}
    if random.random() < 0.1:
        found["aws:ResourceTag/Team"] = "alice"
    return found


def make_scene(random: Random) -> Scene:
    """One request with everything that bears on it."""
    kind = random.choice(("resource", "resource", "resource", "key", "key", "trust"))
    action, resource = random.choice(ASKED[kind])
    principal = principals(random)
    if kind == "trust" and random.random() < 0.15:
        principal, action = web_identity(), "sts:AssumeRoleWithWebIdentity"
    person = principal["kind"] in ("IAMUser", "AssumedRole", "FederatedUser")
    session = principal["kind"] in ("AssumedRole", "FederatedUser")
    return {
        "principal": principal,
        "action": action,
        "resource": resource,
        "owner": HOME if resource != "*" else principal["account"] or HOME,
        "context": context_of(random, kind),
        "circumstances": {
            "now": NOW,
            "region": REGION,
            "source_ip": random.choice(("10.1.2.3", "192.0.2.7", "2001:db8::1")),
            "user_agent": random.choice(("", "Boto3/1.43 md", "aws-cli/2")),
            "secure": random.random() < 0.7,
            "called_via": ["secretsmanager.amazonaws.com"] if random.random() < 0.2 else [],
        },
        "identity_policies": [
            policy(random, f"arn:aws:iam::{HOME}:policy/p{n}", "identity", principal)
            for n in range(random.choice((0, 1, 2, 3)))
        ]
        if person
        else [],
        "boundary": policy(random, "boundary", "identity", principal) if person and random.random() < 0.25 else None,
        "session_policies": [policy(random, f"s{n}", "identity", principal) for n in range(random.choice((1, 1, 2)))]
        if session and random.random() < 0.3
        else None,
        "resource_policy": resource_policy(random, kind, principal)
        if kind == "trust" or random.random() < 0.7
        else None,
        "resource_kind": kind,
        "grants": grants(random, principal) if kind == "key" and random.random() < 0.4 else [],
    }


# -- to the engine ----------------------------------------------------------------------------------------------------


def compiled(found: dict[str, Any], kind: PolicyKind) -> CompiledPolicy:
    return compile_policy(json.dumps(found["document"]), name=found["name"], kind=kind)


def identity_of(scene: Scene) -> Identity:
    principal = scene["principal"]
    session = principal["session"]
    limits = scene["session_policies"]
    return Identity(
        Principal(
            PrincipalKind(principal["kind"]), principal["account"], principal["arn"], principal["id"],
            service=principal["service"],
        ),
        tuple(compiled(each, PolicyKind.IDENTITY) for each in scene["identity_policies"]),
        boundary=compiled(scene["boundary"], PolicyKind.BOUNDARY) if scene["boundary"] else None,
        session_policies=None if limits is None else tuple(compiled(each, PolicyKind.SESSION) for each in limits),
        role_arn=principal["role_arn"],
        tags=principal["tags"],
        session=SessionFacts(
            session["issued"], source_identity=session["source_identity"], multi_factor=session["multi_factor"]
        )
        if session
        else None,
    )  # fmt: skip


def request_of(scene: Scene) -> AccessRequest:
    circumstances = scene["circumstances"]
    return AccessRequest(
        scene["action"],
        scene["resource"],
        scene["owner"],
        scene["context"],
        KnownCircumstances(
            circumstances["now"], circumstances["region"], circumstances["source_ip"], circumstances["user_agent"],
            circumstances["secure"], tuple(circumstances["called_via"]),
        ),
    )  # fmt: skip


def engine_decision(scene: Scene, identity: Identity | None = None) -> Decision:
    """The engine's decision of a scene; `identity` when the same caller asked for something else before."""
    return engine_of(scene, identity)(scene)


def engine_of(scene: Scene, identity: Identity | None = None) -> Callable[[Scene], Decision]:
    """The engine with the scene's caller and policies, to be asked for scenes that differ in the request."""
    kinds = {"resource": PolicyKind.RESOURCE, "key": PolicyKind.KEY, "trust": PolicyKind.TRUST}
    theirs = scene["resource_policy"]
    kind = scene["resource_kind"]
    caller = identity or identity_of(scene)
    policy = compiled(theirs, kinds[kind]) if theirs else None
    return lambda asked: evaluate(
        caller,
        request_of(asked),
        resource_policy=policy,
        resource_kind=kind,
        grants=[
            GrantStatement(
                grant["id"],
                grant["grantee"],
                frozenset(grant["operations"]),
                grant["equals"],
                grant["subset"],
                grant["source_arn"],
            )
            for grant in scene["grants"]
        ],
    )
