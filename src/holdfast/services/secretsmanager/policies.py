"""Resource policies of secrets: their grammar, whether they let everybody in, and the compiled form; pure.

A policy is compiled once for its text and kept; secrets that share a text share what is compiled of it.

"Broad" is what S3 calls public ("The meaning of 'public'", S3 user guide), which AWS's documentation of
BlockPublicPolicy does not spell out: an Allow for everybody, unless a condition keeps it to fixed networks, accounts,
principals or organisations, or a Deny for everybody shuts out all others.

INVARIANT: what a stored policy denies is denied: a stored text that does not compile raises, it is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING

from holdfast.access.decision import PolicyKind
from holdfast.access.grounds import Identity
from holdfast.access.policy import CompiledPolicy, PolicyError, compile_policy, read_policy
from holdfast.access.principal import Principal, PrincipalKind
from holdfast.access.principals import Directness
from holdfast.api import secretsmanager as api

if TYPE_CHECKING:
    from holdfast.access.grammar import Statement

NAME = "resource policy of the secret"
SHORT = 2048
"""Characters. Nearly all policies are shorter, and many of them can be kept."""

BROAD = "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the secret."
LOCKED_OUT = "The resource policy would not allow you to change the resource policy of the secret in the future."
UNSUPPORTED_PRINCIPAL = "This resource policy contains an unsupported principal."


# -- compiled ----------------------------------------------------------------------------------------------------------


def compiled(text: str) -> CompiledPolicy | None:
    """The policy of a secret's row, None when it has none."""
    if not text:
        return None
    return _short(text) if len(text) <= SHORT else _long(text)


def _compile(text: str) -> CompiledPolicy:
    return compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)


_short = lru_cache(maxsize=4096)(_compile)
_long = lru_cache(maxsize=256)(_compile)


def check_grammar(text: str) -> None:
    """Raise MalformedPolicyDocumentException for a text that is no policy of a secret."""
    try:
        # Compiled, and not only read: values of conditions are held to their operator's type there.
        compile_policy(text, name=NAME, kind=PolicyKind.RESOURCE)
    except PolicyError as error:
        raise api.MalformedPolicyDocumentException(error.message) from None


# -- broad access ------------------------------------------------------------------------------------------------------

_ANYBODY = Identity(Principal(PrincipalKind.USER, "", "anybody", "anybody"))
"""Somebody whom no policy can name: a statement that speaks of them speaks of everybody."""
_ACCOUNT = re.compile(r"[0-9]{12}")
_WIDEST_IPV4 = 8
_WIDEST_IPV6 = 32


def _fixed(value: str) -> bool:
    return bool(value) and not set("*?") & set(value) and "${" not in value


def _fixed_arn(value: str) -> bool:
    """Any principals or resources, of one account."""
    parts = value.split(":", 5)
    return len(parts) == 6 and "${" not in value and _ACCOUNT.fullmatch(parts[4]) is not None


def _fixed_user_id(value: str) -> bool:
    """A unique id, or any session of a role with one."""
    return _fixed(value.removesuffix(":*"))


def _fixed_path(value: str) -> bool:
    """Any part of one organisation."""
    return _fixed(value.partition("/")[0])


def _narrow_network(value: str) -> bool:
    """Not broader than /8 or, for IPv6, /32; or private ("The meaning of 'public'")."""
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return False
    widest = _WIDEST_IPV4 if isinstance(network, IPv4Network) else _WIDEST_IPV6
    return network.prefixlen >= widest or (network.is_private and network.prefixlen > 0)


_Narrow = Callable[[str], bool]
_NARROWING: Mapping[str, _Narrow] = {
    "aws:principalaccount": _fixed,
    "aws:principalarn": _fixed_arn,
    "aws:principalorgid": _fixed,
    "aws:principalorgpaths": _fixed_path,
    "aws:sourceaccount": _fixed,
    "aws:sourcearn": _fixed_arn,
    "aws:sourceip": _narrow_network,
    "aws:sourceowner": _fixed,
    "aws:sourcevpc": _fixed,
    "aws:sourcevpce": _fixed,
    "aws:userid": _fixed_user_id,
}
_POSITIVE = {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress"}
_NEGATIVE = {
    "stringnotequals",
    "stringnotequalsignorecase",
    "stringnotlike",
    "arnnotequals",
    "arnnotlike",
    "notipaddress",
}


def is_broad(text: str) -> bool:
    """Whether a valid policy lets in everybody, or nearly."""
    statements = read_policy(text, PolicyKind.RESOURCE).statements
    everybody = [each for each in statements if each.principal and each.principal.names(_ANYBODY) is Directness.DIRECT]
    fences = [each for each in everybody if not each.allow and _fences(each)]
    return any(each.allow and not _narrowed(each) and not any(_covers(f, each) for f in fences) for each in everybody)


def _narrowed(statement: Statement) -> bool:
    """Whether a condition keeps an Allow to few. One that passes where its key is absent does not."""
    return any(
        operator.lower().removeprefix("foranyvalue:") in _POSITIVE and _narrow_values(key, values)
        for operator, key, values in statement.conditions
    )


def _fences(statement: Statement) -> bool:
    """Whether a Deny for everybody speaks of all but few: by its only condition, which holds where the key is absent."""
    if len(statement.conditions) != 1:
        return False
    ((operator, key, values),) = statement.conditions
    return operator.lower() in _NEGATIVE and _narrow_values(key, values)


def _narrow_values(key: str, values: tuple[str, ...]) -> bool:
    narrow = _NARROWING.get(key.lower())
    return narrow is not None and all(narrow(value) for value in values)


def _covers(deny: Statement, allow: Statement) -> bool:
    """Whether a Deny is about all that an Allow is about. Plain cases only: what is not seen counts as broad."""
    if deny.actions_negated or deny.resources_negated or allow.actions_negated or allow.resources_negated:
        return False
    denied = {action.lower() for action in deny.actions}
    actions = bool(denied & {"*", "secretsmanager:*"}) or {action.lower() for action in allow.actions} <= denied
    return actions and ("*" in deny.resources or set(allow.resources) <= set(deny.resources))
