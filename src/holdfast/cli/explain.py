"""`holdfast explain`, `can` and `who-can`: why a call was denied, and who would be let through."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from holdfast.cli.errors import BadUsage, CallRefused
from holdfast.cli.options import DataOption, FormatOption
from holdfast.cli.output import counted, print_json, strong

Members = Mapping[str, Any]
ContextOption = Annotated[
    list[str] | None,
    Parameter(
        name="--context",
        help="A condition key of the request: KEY=VALUE. Give it again for more keys, or for more values of one.",
        negative="",
    ),
]
PLACES = {
    "identity-policy": "an identity policy of {principal}",
    "resource-policy": "the resource policy of {resource}",
    "key-policy": "the key policy of {resource}",
    "trust-policy": "the trust policy of {resource}",
    "permissions-boundary": "the permissions boundary of {principal}",
    "session-policy": "a session policy that is passed when {principal} gets its session",
}
"""`where` in words."""
NOT_POLICIES = ("root user of the account", "service-linked role of the account", "operator of the data directory")
"""What stands for the rule that nothing has to allow these anything."""


def explain(
    request_id: Annotated[str, Parameter(help="The request id of an answer, as every client shows it.")],
    /,
    *,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Show why a call was denied: each check, what matched, and the one statement that is missing.

    What is shown was decided when the call was made, and stays true when policies change. The checks that a service made
    on the caller's behalf are in the chain: "Access to KMS is not allowed" names the key and the policy. Works on a
    running server and on the data directory of one that does not run. With AWS_ENDPOINT_URL instead of a directory, the
    calls of the caller's own account can be explained (action holdfast:Explain); policies that the caller may not read
    are left out. Of a request whose signature was refused, the operator is told the likely cause: a wrong clock, a proxy
    that rewrites the host, a wrong secret.

    For example:

        holdfast explain 01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d
        holdfast explain 01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d --data /srv/holdfast
        holdfast explain 01a20b3d-a1bb-7cb7-93e2-eb58005e3b0d --format json | jq .gap.statement
    """
    try:
        answer = _ask(data, "Explain", {"RequestId": request_id})
    except CallRefused as refused:
        if not str(refused).startswith("RequestNotFoundException:"):
            raise
        _explain_signature(data, request_id, form, refused)
        return
    if form == "json":
        print_json(described(answer))
        return
    print(f"request {_plain(answer['RequestId'])} in account {answer.get('Account')}\n")
    print("\n".join(_verdict(answer)))


def can(
    principal: Annotated[
        str, Parameter(help="An ARN, user/NAME, role/NAME, root, an account's number, or a service's name.")
    ],
    action: Annotated[str, Parameter(help="secretsmanager:GetSecretValue")],
    resource: Annotated[str, Parameter(help="An ARN, or a name as the service takes it; * for none.")],
    /,
    *,
    context: ContextOption = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """Say whether a principal would be let through, by the policies as they are now.

    Follows what the service would do on the caller's behalf: reading a secret asks for its KMS key too. Of the request
    only the time and the region are known; give other condition keys with --context. Signed callers need the action
    holdfast:Can and ask about their own account.

    For example:

        holdfast can user/alice secretsmanager:GetSecretValue prod/db
        holdfast can role/app kms:Decrypt alias/app --context kms:EncryptionContext:app=web
        holdfast can arn:aws:iam::123456789012:user/bob ssm:GetParameter /app/token --format json
    """
    members = {"Principal": principal, "Action": action, "Resource": resource, **_context(context)}
    answer = _ask(data, "Can", members)
    if form == "json":
        print_json(described(answer))
        return
    print("\n".join(_verdict(answer)))


def who_can(
    action: Annotated[str, Parameter(help="secretsmanager:GetSecretValue")],
    resource: Annotated[str, Parameter(help="An ARN, or a name as the service takes it.")],
    /,
    *,
    context: ContextOption = None,
    data: DataOption = None,
    form: FormatOption = "text",
) -> None:
    """List every principal that would be let through, each with its path.

    Asks for the root user, every user and role of the account that owns the resource, and whomever the resource's
    policy names; across identity, group, boundary, resource and key policies. Then for everybody who may assume a role
    that would be let through, however many roles it takes. Signed callers need the action holdfast:WhoCan.

    For example:

        holdfast who-can secretsmanager:GetSecretValue prod/db
        holdfast who-can kms:Decrypt alias/app --format json | jq -r .answers[].principal
        holdfast who-can sts:AssumeRole arn:aws:iam::123456789012:role/app
    """
    answer = _ask(data, "WhoCan", {"Action": action, "Resource": resource, **_context(context)})
    answers: list[Members] = answer.get("Answers") or []
    if form == "json":
        shown: dict[str, Any] = {
            "action": action,
            "resource": answer.get("Resource", resource),
            "answers": [_answer(each) for each in answers],
            "truncated": answer.get("Truncated", False),
        }
        if answer.get("Redacted"):
            shown["redacted"] = True
        print_json(shown)
        return
    print(f"{strong(counted(len(answers), 'principal'))} can {action} on {_plain(answer.get('Resource', resource))}")
    for each in answers:
        print()
        print("\n".join(_path(each)))
    if answer.get("Truncated"):
        print("\nThere are more; these are the nearest.")
    _tell_redacted(answer)


def _explain_signature(data: str | None, request_id: str, form: str, refused: CallRefused) -> None:
    """A request whose caller was never established is in no account's records; its signature may have been looked into."""
    try:
        found = _ask(data, "DiagnoseSignature", {"RequestId": request_id})
    except CallRefused:
        raise refused from None
    if form == "json":
        signature = {"cause": found["Cause"], "text": found["Text"], "details": found.get("Details", {})}
        signature |= {"error_code": found["ErrorCode"], "access_key_id": found.get("AccessKeyId")}
        shown: Members = {
            "request_id": request_id,
            "account": found.get("Account"),
            "outcome": "signature-refused",
            "chain": [],
        }
        print_json({**shown, "signature": signature})
        return
    called = f"{found['Service']}:{found['Operation']}"
    key = f" with the access key {found['AccessKeyId']}" if found.get("AccessKeyId") else ""
    print(f"request {request_id}: the signature of {called}{key} was refused ({found['ErrorCode']})\n")
    print(f"{strong(found['Cause'])}: {_plain(found['Text'])}")


# -- asking -------------------------------------------------------------------------------------------------------------


def _context(pairs: Sequence[str] | None) -> dict[str, Any]:
    """`KEY=VALUE` texts as the calls take them; none is nothing."""
    values: dict[str, list[str]] = {}
    for pair in pairs or ():
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise BadUsage(f"--context '{pair}': give KEY=VALUE")
        values.setdefault(key, []).append(value)
    if not values:
        return {}
    return {"Context": [{"Key": key, "Values": texts} for key, texts in values.items()]}


def _ask(data: str | None, operation: str, members: dict[str, Any]) -> Members:
    from holdfast.cli.asking import ask

    return ask(data, operation, members)


# -- JSON: the contract ---------------------------------------------------------------------------------------------------


def described(answer: Members) -> dict[str, Any]:
    """An answer of Explain or Can under the names that `--format json` promises."""
    found: dict[str, Any] = {}
    if "RequestId" in answer:
        found["request_id"] = answer["RequestId"]
        found["account"] = answer.get("Account")
    found["outcome"] = answer.get("Outcome")
    found["chain"] = [_check(check) for check in answer.get("Chain") or ()]
    gap: Members | None = answer.get("Gap")
    if gap is not None:
        found["gap"] = {"action": gap.get("Action"), "resource": gap.get("Resource"), **_place(gap)}
        if gap.get("Further"):
            found["gap"]["further"] = [_place(each) for each in gap["Further"]]
    if answer.get("Answered"):
        found["answered"] = True
    if answer.get("Redacted"):
        found["redacted"] = True
    if answer.get("ErrorCode"):
        found["error"] = {"code": answer["ErrorCode"]}
        if answer.get("ErrorMessage"):
            found["error"]["message"] = answer["ErrorMessage"]
    return found


def _check(check: Members) -> dict[str, Any]:
    found: dict[str, Any] = {
        "action": check.get("Action"),
        "resource": check.get("Resource"),
        "principal": check.get("Principal"),
        "outcome": check.get("Outcome"),
        "matched": [_statement(each) for each in check.get("Matched") or ()],
    }
    if check.get("Via"):
        found["via"] = check["Via"]
    if check.get("NearMisses"):
        found["near_misses"] = [_near_miss(each) for each in check["NearMisses"]]
    return found


def _near_miss(near: Members) -> dict[str, Any]:
    unmet = [{name.lower(): each.get(name) for name in ("Operator", "Key", "Present")} for each in near["Unmet"]]
    return {"statement": _statement(near["Statement"]), "unmet": unmet}


def _statement(matched: Members) -> dict[str, Any]:
    return {name.lower(): matched.get(name) for name in ("Policy", "Sid", "Index", "Effect", "Kind")}


def _place(place: Members) -> dict[str, Any]:
    statement = place.get("Statement")
    found: dict[str, Any] = {
        "where": place.get("Where"),
        "statement": None if statement is None else json.loads(statement),
    }
    if place.get("Remove"):
        found["remove"] = _statement(place["Remove"])
    return found


def _answer(answer: Members) -> dict[str, Any]:
    found: dict[str, Any] = {
        "principal": answer.get("Principal"),
        "roles": answer.get("Roles") or [],
        "path": [_check(check) for check in answer.get("Path") or ()],
    }
    if answer.get("OwnPolicies"):
        found["needs_own_policies"] = True
    return found


# -- text for people ------------------------------------------------------------------------------------------------------


def _plain(text: object) -> str:
    """Whoever names things may put anything into a name; a line of the terminal it must not become."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(text))


def _verdict(answer: Members) -> list[str]:
    """The chain as a path, and what is missing at its end."""
    chain: Sequence[Members] = answer.get("Chain") or ()
    lines = _chain(chain)
    if chain:
        lines.append("")
    gap: Members | None = answer.get("Gap")
    if gap is not None:
        lines += _gap(gap, chain)
        if answer.get("Answered"):
            lines.append("The call was answered without it.")
    elif answer.get("ErrorCode"):
        lines.append(f"{strong('No check denied it.')} The call failed with {_plain(answer['ErrorCode'])}.")
        if answer.get("ErrorMessage"):
            lines.append(_plain(answer["ErrorMessage"]))
    else:
        lines.append(strong("Allowed."))
    if answer.get("Redacted"):
        lines.append(REDACTED)
    return lines


REDACTED = "Policies that you may not read are left out."


def _tell_redacted(answer: Members) -> None:
    if answer.get("Redacted"):
        print(f"\n{REDACTED}")


def _chain(chain: Sequence[Members]) -> list[str]:
    lines: list[str] = []
    principal = None
    for number, check in enumerate(chain):
        if check.get("Principal") != principal:
            principal = check.get("Principal")
            lines.append(_plain(principal))
        last = number + 1 == len(chain) or chain[number + 1].get("Principal") != principal
        arm, rail = ("└─▶ ", "    ") if last else ("├─▶ ", "│   ")
        allowed = check.get("Outcome") == "allow"
        lines.append(f"{arm}{'allowed' if allowed else strong('DENIED') + ' '}  {_plain(check.get('Action'))}")
        about = [f"on {_plain(check.get('Resource'))}"]
        if check.get("Via"):
            about.append(f"asked by {_plain(check['Via'])} on the caller's behalf")
        about += [f"{each.get('Effect')} by {_named(each)}" for each in check.get("Matched") or ()]
        about += [_nearly(each) for each in check.get("NearMisses") or ()]
        lines += [f"{rail}         {line}" for line in about]
    return lines


def _nearly(near: Members) -> str:
    unmet = [
        f"{_plain(each.get('Operator'))} {_plain(each.get('Key'))}"
        + ("" if each.get("Present") else " (the request has no such key)")
        for each in near.get("Unmet") or ()
    ]
    return f"nearly allowed by {_named(near['Statement'])}: not met: {', '.join(unmet)}"


def _named(matched: Members) -> str:
    if matched.get("Policy") in NOT_POLICIES:
        return str(matched["Policy"])
    sid = f' "{_plain(matched["Sid"])}"' if matched.get("Sid") else ""
    return f"{_plain(matched.get('Policy'))}, statement {matched.get('Index')}{sid}"


def _gap(gap: Members, chain: Sequence[Members]) -> list[str]:
    denied = [check for check in chain if check.get("Outcome") != "allow"]
    principal = _plain(denied[-1].get("Principal") if denied else "the caller")
    lines: list[str] = []
    for place in (gap, *(gap.get("Further") or ())):
        lead = "Missing" if place is gap else "And then"
        lines += _one_place(lead, place, _plain(gap.get("Resource")), principal)
    return lines


MET_INSTEAD = (
    "If a statement there lets the caller in under a condition, such as sts:ExternalId, meet the condition instead: it "
    "is there to keep others out."
)
"""The statement that is missing has no condition, and a role's trust policy often has one for a reason."""


def _one_place(lead: str, place: Members, resource: str, principal: str) -> list[str]:
    where: str | None = place.get("Where")
    if not where:
        return [f"{strong('Denied')}; what is missing, and where, is not yours to see."]
    words = PLACES.get(where, where).format(principal=principal, resource=resource)
    if place.get("Remove"):
        return [f"{strong('Explicitly denied')} in {words}: remove or narrow {_named(place['Remove'])}."]
    if place.get("Statement") is None:
        return [f"{strong('Denied')} in {words}; no statement that could be added would help."]
    statement = json.dumps(json.loads(place["Statement"]), indent=2, ensure_ascii=False)
    indented = [f"  {_plain(line)}" for line in statement.splitlines()]
    lines = [f"{strong(lead)}: this statement in {words}:", "", *indented, ""]
    if where == "trust-policy":
        lines += [MET_INSTEAD, ""]
    if resource != "*" and not resource.startswith("arn:"):
        lines += [f"{resource} is the name of nothing there is, so only * matches it. Check the name first.", ""]
    return lines


def _path(answer: Members) -> list[str]:
    """A principal, the roles on its way, and what lets it through."""
    lines = [" ─▶ ".join((strong(_plain(answer.get("Principal"))), *map(_plain, answer.get("Roles") or ())))]
    if answer.get("OwnPolicies"):
        lines.append("    as far as the policies of its own account allow it")
    for check in answer.get("Path") or ():
        lines.append(f"    {_plain(check.get('Action'))}")
        lines += [f"        {each.get('Effect')} by {_named(each)}" for each in check.get("Matched") or ()]
    return lines
