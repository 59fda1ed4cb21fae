"""The reference evaluator: the rules of evaluation in the plainest form, to hold the fast engine against.

It reads plain JSON, compiles nothing, remembers nothing and shares no code with the engine. Generated policies and
requests are put to both, and they must agree on the outcome, on the decisive place and on every statement that matched.
Only tests use it.

A scene is one request with everything that bears on it:

    {"principal": {"kind", "account", "arn", "id", "role_arn", "service", "tags": {…}, "session": {…} | None},
     "action", "resource", "owner", "context": {key: "value" | [values]},
     "circumstances": {"now", "region", "source_ip", "user_agent", "secure", "called_via": [services]},
     "identity_policies": [policy], "boundary": policy | None, "session_policies": [policy] | None,
     "resource_policy": policy | None, "resource_kind": "resource" | "key" | "trust",
     "grants": [{"id", "grantee", "operations", "equals", "subset", "source_arn"}]}

with policy = {"name", "document"}, a valid document, and times in milliseconds.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Scene = dict[str, Any]
Matched = list[tuple[str, int]]


def evaluate(scene: Scene) -> dict[str, Any]:
    """`{"outcome", "missing", "matched": [(policy, index)]}`; `missing` is empty when allowed."""
    matched: list[tuple[str, int, str, str, str]] = []  # policy, index, effect, place, how the principal is named
    kind = scene["resource_kind"]
    theirs = f"{kind}-policy"
    for place, policies in (
        ("identity-policy", scene["identity_policies"]),
        (theirs, [scene["resource_policy"]] if scene["resource_policy"] else []),
        ("permissions-boundary", [scene["boundary"]] if scene["boundary"] else []),
        ("session-policy", scene["session_policies"] or []),
    ):
        for policy in policies:
            for index, statement in enumerate(_list(policy["document"]["Statement"])):
                named = _named(statement, scene) if place == theirs else "self"
                if named and _matches(statement, policy["document"], scene):
                    matched.append((policy["name"], index, statement["Effect"], place, named))
        if place == "identity-policy" and _builtin(scene):
            matched.append((_builtin(scene), 0, "Allow", place, "self"))
    found = [(policy, index) for policy, index, _, _, _ in matched]
    denied = [place for _, _, effect, place, _ in matched if effect == "Deny"]
    if denied:
        return {"outcome": "explicit-deny", "missing": denied[0], "matched": found}

    allowed = {place for _, _, _, place, _ in matched}
    named = {how for _, _, _, place, how in matched if place == theirs}
    own = "identity-policy" in allowed
    boundary = scene["boundary"] is None or "permissions-boundary" in allowed
    session = scene["session_policies"] is None or "session-policy" in allowed
    grants = _grants(scene)
    same_account = scene["principal"]["account"] == scene["owner"]
    decided_without_grants = own and boundary and session and same_account and kind == "resource"
    if grants and not decided_without_grants:
        found.extend((f"grant {grant['id']}", position) for position, grant, _ in grants)
        named |= {how for _, _, how in grants}
        own = own or bool({"direct", "role"} & {how for _, _, how in grants})

    missing = _missing(scene, own, boundary, session, named, theirs)
    return {"outcome": "implicit-deny" if missing else "allow", "missing": missing, "matched": found}


def _missing(scene: Scene, own: bool, boundary: bool, session: bool, named: set[str], theirs: str) -> str:
    limit = "permissions-boundary" if not boundary else "session-policy" if not session else ""
    if scene["principal"]["account"] == "":
        return "" if named else theirs
    if scene["principal"]["account"] != scene["owner"]:
        return ("" if own else "identity-policy") or limit or ("" if named else theirs)
    if "direct" in named:
        return ""
    if "role" in named:
        return limit
    if not named and scene["resource_kind"] != "resource":
        return theirs
    return limit if own else "identity-policy"


def _builtin(scene: Scene) -> str:
    """What speaks for principals that have no policies."""
    principal = scene["principal"]
    at_home = principal["account"] == scene["owner"]
    if principal["kind"] == "Root":
        return "root user of the account"
    if principal["kind"] == "AWSService" and principal["account"] and at_home:
        return "service-linked role of the account"
    if principal["kind"] == "Operator" and at_home and scene["action"].startswith("holdfast:"):
        return "operator of the data directory"
    return ""


# -- statements -------------------------------------------------------------------------------------------------------


def _matches(statement: dict[str, Any], document: dict[str, Any], scene: Scene) -> bool:
    variables = document.get("Version") == "2012-10-17"
    actions = _list(statement.get("Action", statement.get("NotAction")))
    about = any(_glob(_plain(action.lower()), scene["action"].lower()) for action in actions)
    if about == ("NotAction" in statement):
        return False
    if "Resource" in statement or "NotResource" in statement:
        resources = _list(statement.get("Resource", statement.get("NotResource")))
        # What an Allow leaves out, it leaves out whatever a variable without a value might have been.
        unknown = ANY if "NotResource" in statement and statement["Effect"] == "Allow" else None
        patterns = [_expand(resource, scene, variables, unknown=unknown) for resource in resources]
        within = any(pattern is not None and _glob(pattern, scene["resource"]) for pattern in patterns)
        if within == ("NotResource" in statement):
            return False
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            if not _holds(operator, key, [_text(value) for value in _list(values)], scene, variables):
                return False
    return True


def _named(statement: dict[str, Any], scene: Scene) -> str:
    """How a resource policy's statement names the caller: direct, role, account, or not at all."""
    principal = scene["principal"]
    session_of_role = principal["kind"] == "AssumedRole"
    itself = {principal["arn"], principal["id"]}
    role = {principal["role_arn"], principal["id"].split(":")[0]} if session_of_role else set[str]()
    if principal["kind"] == "AWSService":
        itself, role = (set[str](), itself) if principal["account"] else ({principal["service"]}, role)
    account = (
        {principal["account"], f"arn:aws:iam::{principal['account']}:root"} if principal["account"] else set[str]()
    )

    element: Any = statement.get("Principal", statement.get("NotPrincipal"))
    listed = {entry for entries in element.values() for entry in _list(entries)} if element != "*" else {"*"}
    if "NotPrincipal" in statement:
        if scene["boundary"] is not None:
            return "direct"
        if "*" in listed:
            return ""
        if not account:
            return "" if itself & listed else "direct"
        whole = bool(account & listed) and (principal["kind"] == "Root" or bool(itself & listed))
        if session_of_role:
            whole = whole and bool(role & listed)
        if principal["kind"] == "AWSService":
            whole = bool(account & listed) and bool(role & listed)
        return "" if whole else "direct"
    if "*" in listed or (itself - account) & listed:
        return "direct"
    if role & listed:
        return "role"
    return "account" if account & listed else ""


def _folded(key: str, value: str) -> tuple[str, str]:
    """Keys of a grant's constraint are compared without case, values with it."""
    return key.lower(), value


def _grants(scene: Scene) -> list[tuple[int, dict[str, Any], str]]:
    operation = scene["action"].split(":")[1]
    prefix = "kms:EncryptionContext:"
    given = sorted(_folded(key[len(prefix) :], v) for key, v in scene["context"].items() if key.startswith(prefix))
    found: list[tuple[int, dict[str, Any], str]] = []
    for position, grant in enumerate(scene["grants"]):
        named = _named({"Principal": {"any": grant["grantee"]}}, scene)
        fits = operation in ("DescribeKey", "CreateGrant", "RetireGrant") or (
            (grant["equals"] is None or sorted(_folded(*pair) for pair in grant["equals"].items()) == given)
            and (grant["subset"] is None or all(_folded(*pair) in given for pair in grant["subset"].items()))
        )
        if operation != "RetireGrant" and grant["source_arn"] not in ("", scene["context"].get("aws:SourceArn")):
            continue
        if named and fits and operation in grant["operations"]:
            found.append((position, grant, named))
    return found


# -- patterns: a list of characters and of the wildcards ANY and ONE ---------------------------------------------------

ANY, ONE = object(), object()
Pattern = list[Any]


def _plain(text: str) -> Pattern:
    return [{"*": ANY, "?": ONE}.get(character, character) for character in text]


def _expand(text: str, scene: Scene, variables: bool, wildcards: bool = True, unknown: object = None) -> Pattern | None:
    """The pattern with its variables replaced; None when one has no value, unless `unknown` stands for those."""
    pattern: Pattern = []
    for part in re.split(r"(\$\{[^}]*\})", text) if variables else [text]:
        if not (variables and part.startswith("${") and part.endswith("}")):
            pattern += _plain(part) if wildcards else list(part)
        elif part[2:-1] in ("*", "?", "$"):
            pattern.append(part[2:-1])
        else:
            key, comma, default = part[2:-1].partition(",")
            value = value_of(key.strip(), scene)
            if not isinstance(value, str) or value == "":
                if not comma and unknown is None:
                    return None
                if not comma:
                    pattern.append(unknown)
                    continue
                value = default.strip().strip("'")
            pattern += list(value)
    return pattern


def _glob(pattern: Pattern, text: str) -> bool:
    """Which beginnings of the text the pattern so far matches, pattern part by pattern part."""
    ends = {0}
    for part in pattern:
        if part is ANY:
            ends = set(range(min(ends), len(text) + 1)) if ends else ends
        else:
            ends = {end + 1 for end in ends if end < len(text) and (part is ONE or part == text[end])}
    return len(text) in ends


# -- conditions -------------------------------------------------------------------------------------------------------


def _holds(operator: str, key: str, wanted: list[str], scene: Scene, variables: bool) -> bool:
    value = value_of(key, scene)
    if operator == "Null":
        return ("true" if value in (None, []) else "false") in [each.lower() for each in wanted]
    over, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = "Not" in name
    name = name.replace("Not", "")

    def passes(one: str) -> bool:
        return any(_compares(name, one, each, scene, variables) for each in wanted) != negated

    if value in (None, []):
        return over == "ForAllValues" or if_exists or (negated and over == "")
    values = [value] if isinstance(value, str) else value
    if over and not any(values):
        return over == "ForAllValues"
    if over == "ForAllValues":
        return all(passes(one) for one in values)
    if over == "ForAnyValue":
        return any(passes(one) for one in values)
    return isinstance(value, str) and passes(value)


def _compares(name: str, have: str, want: str, scene: Scene, variables: bool) -> bool:
    if name in ("StringEquals", "StringEqualsIgnoreCase"):
        pattern = _expand(want, scene, variables, wildcards=False)
        if name == "StringEquals":
            return pattern is not None and "".join(pattern) == have
        return pattern is not None and "".join(pattern).lower() == have.lower()
    if name == "StringLike":
        pattern = _expand(want, scene, variables)
        return pattern is not None and _glob(pattern, have)
    if name in ("ArnEquals", "ArnLike"):
        parts = have.split(":", 5)
        pattern = _expand(want, scene, variables)
        # Cut at the colons of the policy: those of a value belong to the part that the variable stands in.
        wanted_parts = [_expand(part, scene, variables) for part in _cut(want)]
        return (
            pattern is not None
            and len(parts) == 6
            and all(part is not None and _glob(part, one) for part, one in zip(wanted_parts, parts, strict=True))
        )
    if name == "Bool":
        return have.lower() == want.lower()
    if name == "BinaryEquals":
        return _bytes(have) is not None and _bytes(have) == _bytes(want)
    if name == "IpAddress":
        return _in_network(have, want)
    number = _date if name.startswith("Date") else _number
    left, right = number(have), number(want)
    if left is None or right is None:
        return False
    relation = name.removeprefix("Date").removeprefix("Numeric")
    return {
        "Equals": left == right, "LessThan": left < right, "LessThanEquals": left <= right,
        "GreaterThan": left > right, "GreaterThanEquals": left >= right,
    }[relation]  # fmt: skip


def _cut(arn: str) -> list[str]:
    parts = re.sub(r"\$\{[^}]*\}", lambda found: found[0].replace(":", "\0"), arn).split(":", 5)
    return [part.replace("\0", ":") for part in parts]


def _in_network(address: str, network: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return found in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _number(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?", text) else None


def _date(text: str) -> float | None:
    if re.fullmatch(r"-?[0-9]{5,12}", text):
        return float(text)
    if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,1}", text):
        text = f"{text}-01-01"[:10]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


# -- condition keys ---------------------------------------------------------------------------------------------------


def value_of(key: str, scene: Scene) -> str | list[str] | None:
    """A key of the request, whatever its spelling; a spelling that is there exactly goes first."""
    known = {name.lower(): value for name, value in global_keys(scene).items() if value is not None}
    if key.lower().startswith("aws:principaltag/"):
        tag = key[len("aws:principaltag/") :]
        return _spelled(scene["principal"]["tags"], tag)
    if key.lower() in known:
        return known[key.lower()]
    return _spelled(scene["context"], key)


def _spelled(names: dict[str, Any], name: str) -> Any:
    if name in names:
        return names[name]
    same = sorted(each for each in names if each.lower() == name.lower())
    return names[same[0]] if same else None


def global_keys(scene: Scene) -> dict[str, str | list[str] | None]:
    """The global condition keys of a scene, but for tags; None for an absent one."""
    principal, around = scene["principal"], scene["circumstances"]
    kind, session, via = principal["kind"], principal["session"], around["called_via"]
    of_account = principal["account"] != ""
    types = {"Root": "Account", "IAMUser": "User", "AssumedRole": "AssumedRole", "AWSService": "AssumedRole",
             "FederatedUser": "FederatedUser"}  # fmt: skip
    service = principal["service"] if kind == "AWSService" and not of_account else None
    return {
        "aws:PrincipalArn": (principal["role_arn"] or principal["arn"]) if of_account else None,
        "aws:PrincipalAccount": principal["account"] or None,
        "aws:PrincipalType": types.get(kind) if of_account else None,
        "aws:PrincipalIsAWSService": "true" if service else "false",
        "aws:PrincipalServiceName": service,
        "aws:PrincipalServiceNamesList": [service] if service else None,
        "aws:userid": principal["id"] if of_account else None,
        "aws:username": principal["arn"].split("/")[-1] if kind == "IAMUser" else None,
        "aws:TokenIssueTime": _iso(session["issued"]) if session else None,
        "aws:MultiFactorAuthPresent": _text(session["multi_factor"]) if session else None,
        "aws:SourceIdentity": session["source_identity"] or None if session else None,
        "aws:SourceIp": around["source_ip"] if not via else None,
        "aws:UserAgent": around["user_agent"] or None,
        "aws:SecureTransport": _text(around["secure"]),
        "aws:RequestedRegion": around["region"],
        "aws:ResourceAccount": scene["owner"],
        "aws:CurrentTime": _iso(around["now"]),
        "aws:EpochTime": str(around["now"] // 1000),
        "aws:ViaAWSService": _text(bool(via)),
        "aws:CalledVia": list(via) or None,
        "aws:CalledViaFirst": via[0] if via else None,
        "aws:CalledViaLast": via[-1] if via else None,
    }


def _iso(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list[Any](value)  # pyright: ignore[reportUnknownArgumentType] - JSON
    return [value]
