"""The Principal element: who a statement of a resource policy speaks of, and how directly.

How directly matters: what a policy grants to an account, its principals still have to be allowed by their own policies;
what it grants to a role is limited by the role's boundary and session policies; what it grants to a user, to a session
or to `*` is limited by nothing but explicit denies (IAM user guide, "How AWS enforcement code logic evaluates requests").

AWS replaces the ARNs of users and roles by unique ids when a policy is saved, so that a principal which is deleted and
made again under its name gets nothing. `named_principals` and `with_principals` are for the services that save policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from holdfast.access.decision import PolicyKind
from holdfast.access.document import SYNTAX, PolicyError, parse
from holdfast.access.keys import is_service_principal
from holdfast.access.principal import PrincipalKind

if TYPE_CHECKING:
    from holdfast.access.document import Json
    from holdfast.access.grounds import Identity


class Directness(IntEnum):
    """How a Principal element names somebody. Greater is more direct."""

    NOT = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_DIGITS = re.compile(r"[0-9]{12}")
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:iam::[0-9]{12}:(?:user|role)/[^*?]+|sts::[0-9]{12}:(?:assumed-role/[^*?/]+/[^*?/]+|federated-user/[^*?/]+))"
)
_UNIQUE_ID = re.compile(r"A(?:IDA|ROA)[A-Z0-9]{12,124}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?|[a-z0-9-]+\.amazon\.com")
_ENTITY = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:user|role)/.+")
TYPES = ("AWS", "Service", "Federated", "CanonicalUser")


class PrincipalElement:
    """A Principal or NotPrincipal element."""

    __slots__ = ("_accounts", "_anyone", "_named", "_providers", "_services", "negated")

    def __init__(self, entries: Sequence[tuple[str, str]], negated: bool) -> None:
        self.negated = negated
        """Whether it is a NotPrincipal."""
        self._anyone = ("AWS", "*") in entries
        self._accounts = {account for kind, value in entries if kind == "AWS" and (account := account_of(value))}
        self._named = {value for kind, value in entries if kind == "AWS" and not account_of(value)}
        self._services = {value for kind, value in entries if kind == "Service"}
        self._providers = {value for kind, value in entries if kind == "Federated"}

    @property
    def named(self) -> tuple[str, ...]:
        """Whom the element lists: `*`, ARNs of account roots, users, roles and sessions, unique ids, services,
        providers; nobody for a NotPrincipal."""
        if self.negated:
            return ()
        anyone = ("*",) if self._anyone else ()
        accounts = (f"arn:aws:iam::{account}:root" for account in sorted(self._accounts))
        return (*anyone, *accounts, *sorted(self._named), *sorted(self._services), *sorted(self._providers))

    def names(self, identity: Identity) -> Directness:
        """How the element names the caller; a NotPrincipal names everybody whom it does not list whole."""
        if self.negated:
            return Directness.NOT if self._excepts(identity) else Directness.DIRECT
        if self._anyone:
            return Directness.DIRECT
        principal = identity.principal
        if principal.arn in self._named or principal.principal_id in self._named:
            # A service-linked role is named by its role's ARN.
            return Directness.ROLE if principal.kind is PrincipalKind.SERVICE else Directness.DIRECT
        if is_service_principal(principal):
            return Directness.DIRECT if principal.service in self._services else Directness.NOT
        if principal.kind is PrincipalKind.WEB_IDENTITY:
            return Directness.DIRECT if principal.arn in self._providers else Directness.NOT
        if self._lists_role(identity):
            return Directness.ROLE
        return Directness.ACCOUNT if principal.account in self._accounts else Directness.NOT

    def _lists_role(self, identity: Identity) -> bool:
        if identity.principal.kind is not PrincipalKind.ASSUMED_ROLE:
            return False
        return identity.role_arn in self._named or identity.principal.principal_id.partition(":")[0] in self._named

    def _excepts(self, identity: Identity) -> bool:
        """Whether a NotPrincipal leaves the caller out: itself, its role and its account must all be listed.

        "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a permissions boundary
        policy attached, regardless of the values" (IAM user guide, "NotPrincipal").
        """
        principal = identity.principal
        if identity.boundary is not None:
            return False
        if self._anyone:
            return True
        if is_service_principal(principal):
            return principal.service in self._services
        if principal.kind is PrincipalKind.WEB_IDENTITY:
            return principal.arn in self._providers
        if principal.account not in self._accounts:
            return False
        if principal.kind is PrincipalKind.ROOT:
            return True
        listed = principal.arn in self._named or principal.principal_id in self._named
        return listed and (principal.kind is not PrincipalKind.ASSUMED_ROLE or self._lists_role(identity))


def account_of(value: str) -> str:
    """The account that an AWS principal stands for as a whole: `123456789012` or its root's ARN; empty for others."""
    if _DIGITS.fullmatch(value):
        return value
    found = _ROOT.fullmatch(value)
    return found[1] if found else ""


def is_principal_arn(value: str) -> bool:
    """Whether it is the ARN of an account's root, a user, a role or a session; whether they exist is not asked."""
    return _ROOT.fullmatch(value) is not None or _ARN.fullmatch(value) is not None


def is_service_name(value: str) -> bool:
    """Whether it is a service principal's name: `sns.amazonaws.com`, `dynamodb.us-west-2.amazonaws.com`."""
    return _SERVICE.fullmatch(value) is not None


def principal_element(value: Json, negated: bool, kind: PolicyKind) -> PrincipalElement:
    """Compile the element; raises PolicyError with the text of the service whose policy it is."""
    if value == "*":
        return PrincipalElement([("AWS", "*")], negated)
    if not isinstance(value, Mapping) or not value:
        raise PolicyError(SYNTAX if value else "Missing required field Principal", about="principal")
    entries: list[tuple[str, str]] = []
    for type_, found in value.items():
        if type_ not in TYPES:
            raise PolicyError(SYNTAX, about="principal")
        for entry in _listed(found):
            _check(type_, entry, kind)
            entries.append((type_, entry))
    return PrincipalElement(entries, negated)


def _listed(value: Json) -> list[str]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(type(entry) is str for entry in found):
        raise PolicyError(SYNTAX, about="principal")
    return [entry for entry in found if isinstance(entry, str)]


def _check(type_: str, value: str, kind: PolicyKind) -> None:
    if type_ == "AWS":
        valid = value == "*" or bool(account_of(value) or _ARN.fullmatch(value) or _UNIQUE_ID.fullmatch(value))
    elif type_ == "Service":
        valid = _SERVICE.fullmatch(value) is not None
    else:
        valid = bool(value) and not set("*?") & set(value)
    if valid:
        return
    if kind is PolicyKind.KEY:
        raise PolicyError("Policy contains a statement with one or more invalid principals.", about="principal")
    if kind is PolicyKind.RESOURCE:
        raise PolicyError("This resource policy contains an unsupported principal.", about="principal")
    raise PolicyError(f'Invalid principal in policy: "{type_.upper()}":"{value}"', about="principal")


def _elements(document: Any) -> list[dict[str, Any]]:
    """The Principal maps of a document that was checked before."""
    found: Any = document["Statement"]
    statements: list[Any] = [found] if isinstance(found, dict) else found
    return [
        statement[name]
        for statement in statements
        for name in ("Principal", "NotPrincipal")
        if isinstance(statement.get(name), dict)
    ]


def named_principals(text: str) -> tuple[str, ...]:
    """The user and role ARNs and the unique ids that a valid policy names, each once, in order."""
    found: dict[str, None] = {}
    for element in _elements(parse(text)):
        for value in _listed(element.get("AWS", [])):
            if _ENTITY.fullmatch(value) or _UNIQUE_ID.fullmatch(value):
                found[value] = None
    return tuple(found)


def with_principals(text: str, replacements: Mapping[str, str]) -> str:
    """A valid policy with AWS principals replaced (ARN by unique id on save, and back on read).

    The text stays as it is, to the byte, unless something is replaced.
    """
    if not replacements.keys() & set(named_principals(text)):
        return text
    document = json.loads(text)
    for element in _elements(document):
        if "AWS" in element:
            value = element["AWS"]
            element["AWS"] = (
                replacements.get(value, value)
                if isinstance(value, str)
                else [replacements.get(entry, entry) for entry in value]
            )
    return json.dumps(document, ensure_ascii=False)
