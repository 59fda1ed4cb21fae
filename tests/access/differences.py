"""Where the second judge and the engine differ, each with AWS's documentation on who is right.

`present` finds a difference's cause in a scene: only a scene with one may be judged differently. `example` is the
smallest scene that shows it, with both answers, so that an entry whose difference has gone must go too.

Pages are of the IAM user guide unless another is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.access import reference
from tests.access.scenes import HOME, NOW, REGION, SECRETS

Scene = dict[str, Any]

ALLOW, IMPLICIT, EXPLICIT = "allow", "implicit-deny", "explicit-deny"


@dataclass(frozen=True)
class Difference:
    """One systematic difference."""

    name: str
    what: str
    documentation: str
    """Page and what it says; which of the two it bears out."""
    present: Callable[[Scene], bool]
    example: Scene
    engine: str
    judge: str


# -- reading a scene --------------------------------------------------------------------------------------------------


def documents(scene: Scene) -> list[dict[str, Any]]:
    found = [
        *scene["identity_policies"],
        *(scene["session_policies"] or []),
        scene["boundary"],
        scene["resource_policy"],
    ]
    return [each["document"] for each in found if each]


def statements(scene: Scene) -> Iterator[dict[str, Any]]:
    for document in documents(scene):
        found = document["Statement"]
        yield from found if isinstance(found, list) else [found]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType] - JSON


def entries(statement: dict[str, Any], *names: str) -> list[str]:
    """The values of Principal elements."""
    found: list[str] = []
    for name in names:
        element = statement.get(name)
        if isinstance(element, dict):
            found += [entry for each in element.values() for entry in listed(each)]  # pyright: ignore[reportUnknownVariableType]
    return found


def conditions(scene: Scene) -> Iterator[tuple[str, str, list[str]]]:
    """Operator, key and values of every condition."""
    for statement in statements(scene):
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                yield operator, key, [str(value) for value in listed(values)]


def value_of(scene: Scene, key: str) -> Any:
    """A key of the request, as the reference evaluator reads it."""
    return reference.value_of(key, scene)


def strings(scene: Scene) -> Iterator[str]:
    """Everything that can hold a variable."""
    for statement in statements(scene):
        for name in ("Resource", "NotResource"):
            yield from (str(each) for each in listed(statement.get(name, [])))
    for _, _, values in conditions(scene):
        yield from values


def variable_keys(text: str) -> list[str]:
    return [key for key in re.findall(r"\$\{([^},*?$]+)", text) if key]


def same_but_for_case(names: list[str]) -> bool:
    return len({name.lower() for name in names}) != len(names)


# -- what causes them -------------------------------------------------------------------------------------------------


def unique_id(scene: Scene) -> bool:
    return any(
        entry.startswith(("AIDA", "AROA"))
        for each in statements(scene)
        for entry in entries(each, "Principal", "NotPrincipal")
    )


def wildcard_in_prefix(scene: Scene) -> bool:
    return any(
        set("*?") & set(action.partition(":")[0])
        for each in statements(scene)
        for action in listed(each.get("Action", each.get("NotAction")))
        if action != "*"
    )


def tags_differ_in_case(scene: Scene) -> bool:
    return same_but_for_case(list(scene["principal"]["tags"])) or same_but_for_case(list(scene["context"]))


def excepted_in_part(scene: Scene) -> bool:
    principal = scene["principal"]
    everything = {principal["arn"], principal["role_arn"], f"arn:aws:iam::{principal['account']}:root"} - {""}
    account = {principal["account"]}
    for each in statements(scene):
        named = set(entries(each, "NotPrincipal"))
        if named & (everything | account) and not everything <= named:
            return True
    return False


def empty_value_in_set(scene: Scene) -> bool:
    """A set operator on a key that has only empty values."""
    return any(":" in operator and value_of(scene, key) in ("", [""]) for operator, key, _ in conditions(scene))


def no_value_in_list(scene: Scene) -> bool:
    """A multivalued key without any value."""
    return any(value_of(scene, key) == [] for _, key, _ in conditions(scene))


def any_value_if_exists(scene: Scene) -> bool:
    return any(
        operator.startswith("ForAnyValue:") and operator.endswith("IfExists") and value_of(scene, key) is None
        for operator, key, _ in conditions(scene)
    )


def unresolved_in_negated(scene: Scene) -> bool:
    return any(
        "Not" in operator
        and any(value_of(scene, name.strip()) in (None, "") for text in values for name in variable_keys(text))
        for operator, _, values in conditions(scene)
    )


def epoch_and_date(scene: Scene) -> bool:
    """A date condition with a time in seconds on one of its sides, and a calendar date on the other."""
    for operator, key, values in conditions(scene):
        if operator.startswith("Date"):
            sides = [*values, str(value_of(scene, key))]
            if len({side.lstrip("-").isdigit() for side in sides}) > 1:
                return True
    return False


def variable_in_old_version(scene: Scene) -> bool:
    return any(
        document.get("Version") != "2012-10-17" and "${" in str(document["Statement"]) for document in documents(scene)
    )


def unresolved_exception(scene: Scene) -> bool:
    """A NotResource of a Deny with a variable without a value, or of an Allow with an empty one."""
    return any(
        value_of(scene, name.strip()) in ((None, "") if each["Effect"] == "Deny" else ("",))
        for each in statements(scene)
        for text in listed(each.get("NotResource", []))
        for name in variable_keys(text)
    )


def short_exception(scene: Scene) -> bool:
    return any(
        text.count(":") < 5 and text != "*"
        for each in statements(scene)
        for text in listed(each.get("NotResource", []))
    )


def escape_in_exact_operator(scene: Scene) -> bool:
    return any(
        "Equals" in operator and any("${" + sign + "}" in text for sign in "*?$" for text in values)
        for operator, _, values in conditions(scene)
    )


def no_arn_and_negated_operator(scene: Scene) -> bool:
    for operator, key, _ in conditions(scene):
        value = value_of(scene, key)
        if operator.startswith("ArnNot") and isinstance(value, str) and value.count(":") < 5:
            return True
    return False


def single_address_of_other_version(scene: Scene) -> bool:
    for operator, key, values in conditions(scene):
        value = value_of(scene, key)
        if (
            operator.startswith("NotIp")
            and isinstance(value, str)
            and any("/" not in network and (":" in network) != (":" in value) for network in values)
        ):
            return True
    return False


def session_limits_direct_grant(scene: Scene) -> bool:
    return bool(scene["session_policies"]) and scene["resource_policy"] is not None


# -- the list ---------------------------------------------------------------------------------------------------------


def scene(**changes: Any) -> Scene:
    """A user of the account who asks for a secret's value, with nothing that allows it."""
    found: Scene = {
        "principal": {
            "kind": "IAMUser", "account": HOME, "arn": f"arn:aws:iam::{HOME}:user/staff/alice", "id": "AIDAALICE00000000",
            "role_arn": "", "service": "", "tags": {}, "session": None,
        },
        "action": "secretsmanager:GetSecretValue",
        "resource": SECRETS[0],
        "owner": HOME,
        "context": {},
        "circumstances": {
            "now": NOW, "region": REGION, "source_ip": "10.1.2.3", "user_agent": "", "secure": True, "called_via": [],
        },
        "identity_policies": [],
        "boundary": None,
        "session_policies": None,
        "resource_policy": None,
        "resource_kind": "resource",
        "grants": [],
    }  # fmt: skip
    return found | changes


def own(*found: dict[str, Any], version: str = "2012-10-17") -> list[dict[str, Any]]:
    return [{"name": "own", "document": {"Version": version, "Statement": list(found)}}]


def theirs(*found: dict[str, Any]) -> dict[str, Any]:
    return {"name": "theirs", "document": {"Version": "2012-10-17", "Statement": list(found)}}


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*", **more}


def deny(**more: Any) -> dict[str, Any]:
    return {**allow(**more), "Effect": "Deny"}


ALICE = scene()["principal"]
SESSION = {
    **ALICE, "kind": "AssumedRole", "arn": f"arn:aws:sts::{HOME}:assumed-role/App/bob", "id": "AROAAPP000000000:bob",
    "role_arn": f"arn:aws:iam::{HOME}:role/teams/App",
    "session": {"issued": NOW, "multi_factor": False, "source_identity": ""},
}  # fmt: skip

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "unique-ids",
        "The judge does not know the unique ids that stand for users and roles in saved policies.",
        "AWS JSON policy elements: Principal: a role's or user's ARN is transformed to its unique principal id when the"
        " policy is saved. The engine follows it.",
        unique_id,
        scene(resource_policy=theirs(allow(Principal={"AWS": "AIDAALICE00000000"}))),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "wildcard-in-service-prefix",
        "The judge refuses wildcards in the service prefix of an action, or has them match nothing.",
        "IAM JSON policy elements: Action says that action names can include wildcards and is silent about the prefix;"
        " IAM saves policies with `*:*`. Not settled; the engine takes what can be saved.",
        wildcard_in_prefix,
        scene(identity_policies=own(allow(Action="*:*"))),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "keys-that-differ-in-case",
        "Of two tags whose names differ in case only, the judge knows the last one. The engine takes the one that the"
        " policy spells.",
        "AWS global condition context keys, aws:PrincipalTag and aws:ResourceTag: key names are compared without regard to"
        " case; what happens to two of them is not said. The engine's way leaves a policy's meaning to its author.",
        tags_differ_in_case,
        scene(
            principal={**ALICE, "tags": {"team": "red", "Team": "blue"}},
            identity_policies=own(allow(Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})),
        ),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "excepted-in-part",
        "A NotPrincipal that lists the caller but not its account (or a session but not its role) excepts it for the"
        " judge.",
        "AWS JSON policy elements: NotPrincipal: 'you must also specify the account ARN of the not-denied principal.'"
        " The judge's source calls its way unresearched. The engine follows the page, which also is the safe side.",
        excepted_in_part,
        scene(
            resource_policy=theirs(
                allow(Principal="*"), deny(NotPrincipal={"AWS": f"arn:aws:iam::{HOME}:user/staff/alice"})
            )
        ),
        EXPLICIT,
        ALLOW,
    ),
    Difference(
        "empty-value-and-set-operators",
        "The judge compares an empty value like any other where a set operator is used.",
        "Condition operators: ForAllValues 'returns true if there are no context keys in the request or if the context key"
        " value resolves to a null dataset, such as an empty string'; ForAnyValue returns false. The engine follows it.",
        empty_value_in_set,
        scene(
            context={"aws:TagKeys": [""]},
            identity_policies=own(allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "team"}})),
        ),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "key-without-values",
        "A multivalued key without any value is present for the judge.",
        "Condition operators, Null: `false` means 'the key exists and its value is not null'. The engine follows it.",
        no_value_in_list,
        scene(context={"aws:TagKeys": []}, identity_policies=own(allow(Condition={"Null": {"aws:TagKeys": "true"}}))),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "any-value-if-exists",
        "IfExists does nothing for the judge where ForAnyValue is used.",
        "Condition operators: IfExists can be added 'to the end of any condition operator name except the Null condition';"
        " 'If the key is not present, evaluate the condition element as true.' The engine follows it.",
        any_value_if_exists,
        scene(identity_policies=own(allow(Condition={"ForAnyValue:StringEqualsIfExists": {"aws:TagKeys": "team"}}))),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "variable-without-value-in-negated-operator",
        "A negated operator never holds for the judge when one of its values has a variable without a value.",
        "Variables and tags, Policy variables with no value: 'Inverted condition operators like StringNotEquals or"
        " StringNotLike do match against a null value'. The engine follows it.",
        unresolved_in_negated,
        scene(
            context={"aws:ResourceTag/team": "blue"},
            identity_policies=own(
                allow(), deny(Condition={"StringNotEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}})
            ),
        ),
        EXPLICIT,
        ALLOW,
    ),
    Difference(
        "seconds-and-dates",
        "The judge compares a time in seconds with a calendar date as if that were seconds too; its own are milliseconds.",
        "Condition operators, Date: values are dates 'or in epoch (UNIX) time', that is, seconds. The engine follows it.",
        epoch_and_date,
        scene(identity_policies=own(allow(Condition={"DateGreaterThan": {"aws:CurrentTime": "1767323046"}}))),
        IMPLICIT,
        ALLOW,
    ),
    Difference(
        "variables-in-the-old-version",
        "The judge replaces variables in policies of every version.",
        "IAM JSON policy elements: Version: in version 2008-10-17 'variables such as ${aws:username} aren't recognized as"
        " variables and are instead treated as literal strings'. The engine follows it.",
        variable_in_old_version,
        scene(
            resource=SECRETS[3],
            identity_policies=own(
                allow(Resource=f"arn:aws:secretsmanager:*:{HOME}:secret:${{aws:username}}-*"), version="2008-10-17"
            ),
        ),
        IMPLICIT,
        ALLOW,
    ),
    Difference(
        "variable-without-value-in-not-resource",
        "For the judge a NotResource with a variable without a value leaves out what it might mean, whatever the effect; an"
        " empty value is the variable's own text.",
        "Variables and tags, Policy variables with no value: 'the resource that includes a policy variable with no value"
        " will not match any resource': then nothing is left out of a Deny. The engine reads it so, but for an Allow it"
        " takes the safe side, as the judge does.",
        unresolved_exception,
        scene(
            identity_policies=own(
                allow(),
                {
                    "Effect": "Deny",
                    "Action": "*",
                    "NotResource": f"arn:aws:secretsmanager:*:{HOME}:secret:${{aws:PrincipalTag/team}}-*",
                },
            )
        ),
        EXPLICIT,
        ALLOW,
    ),
    Difference(
        "short-arn-in-not-resource",
        "A NotResource with an ARN that ends early matches nothing for the judge.",
        "IAM JSON policy elements: NotResource matches 'every resource except those specified'. The judge's source calls"
        " its way conservative. The engine follows the page.",
        short_exception,
        scene(
            action="ssm:GetParameter",
            resource=f"arn:aws:ssm:{REGION}:{HOME}:parameter/prod/db",
            identity_policies=own({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:secretsmanager:*"}),
        ),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "escapes-in-exact-operators",
        "The judge does not know `${*}`, `${?}` and `${$}` in operators that compare exactly.",
        "Variables and tags, Special characters: 'These predefined policy variables can be used in any string where you can"
        " use regular policy variables.' The engine follows it.",
        escape_in_exact_operator,
        scene(
            context={"aws:ResourceTag/team": "$blue"},
            identity_policies=own(allow(Condition={"StringEquals": {"aws:ResourceTag/team": "${$}blue"}})),
        ),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "no-arn-and-negated-operator",
        "ArnNotLike never holds for the judge when the value of the request is not an ARN.",
        "Condition operators, ARN: ArnNotLike is 'negated matching for ARN'; values that are no ARNs are not mentioned. Not"
        " settled; the engine negates what ArnLike says, so that a Deny holds.",
        no_arn_and_negated_operator,
        scene(
            context={"aws:SourceArn": "no-arn"},
            identity_policies=own(
                allow(), deny(Condition={"ArnNotLike": {"aws:SourceArn": f"arn:aws:sns:{REGION}:{HOME}:*"}})
            ),
        ),
        EXPLICIT,
        ALLOW,
    ),
    Difference(
        "single-address-of-the-other-version",
        "NotIpAddress with a single address never holds for the judge when the request's is of the other IP version; with"
        " a block it does.",
        "Condition operators, IP address: NotIpAddress is 'all IP addresses except the specified IP address or range'. The"
        " engine follows it.",
        single_address_of_other_version,
        scene(
            circumstances={**scene()["circumstances"], "source_ip": "2001:db8::1"},
            identity_policies=own(allow(Condition={"NotIpAddress": {"aws:SourceIp": "10.1.2.3"}})),
        ),
        ALLOW,
        IMPLICIT,
    ),
    Difference(
        "session-policy-and-direct-grant",
        "A session policy limits for the judge what a resource policy grants to the session itself or to `*`.",
        "How AWS enforcement code logic evaluates requests: permissions granted directly to a session 'are not limited by"
        " an implicit deny in an identity-based policy, a permissions boundary, or session policy'. The engine follows it.",
        session_limits_direct_grant,
        scene(
            principal=SESSION,
            session_policies=[{"name": "session", "document": own(allow(Action="s3:GetObject"))[0]["document"]}],
            resource_policy=theirs(allow(Principal={"AWS": SESSION["arn"]})),
        ),
        ALLOW,
        IMPLICIT,
    ),
)
