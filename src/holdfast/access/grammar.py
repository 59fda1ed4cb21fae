"""The grammar of the policy language, and AWS's texts for breaking it.

IAM user guide, "Grammar of the IAM JSON policy language". Identity, boundary and session policies must not name a
principal, resource and key policies must, and trust policies name no resource. Sizes are the business of the services.

The texts are IAM's, as public reports quote them. Unconfirmed: which of "Syntax errors in policy." and "The policy
failed legacy parsing" some of the rarer mistakes get, and the text of a trust policy without a principal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.access.decision import PolicyKind
from holdfast.access.document import LEGACY, SYNTAX, VERSION, Number, PolicyError, parse
from holdfast.access.patterns import hide_colons
from holdfast.access.principals import PrincipalElement, principal_element

if TYPE_CHECKING:
    from holdfast.access.document import Json

OWN_SIDE = (PolicyKind.IDENTITY, PolicyKind.BOUNDARY, PolicyKind.SESSION)
CURRENT = "2012-10-17"
OLD = "2008-10-17"

_TOP = {"Version", "Id", "Statement"}
_ELEMENTS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_SID = re.compile(r"[0-9A-Za-z]*")
_VENDOR = re.compile(r"[A-Za-z0-9*?-]+")
_PARTITION = re.compile(r"aws(?:-[a-z]+)*|\*")
_ACTIONS = "Policy statement must contain actions."
_RESOURCES = "Policy statement must contain resources."


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it is written, checked."""

    index: int
    sid: str
    allow: bool
    principal: PrincipalElement | None
    actions: tuple[str, ...]
    actions_negated: bool
    resources: tuple[str, ...]
    resources_negated: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator, key, values."""


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy as it is written, checked."""

    version: str
    """`2012-10-17`, or `2008-10-17` when the document says so or nothing: without variables."""
    statements: tuple[Statement, ...]


def read_policy(text: str, kind: PolicyKind) -> PolicyDocument:
    """Parse and check a policy; raises PolicyError."""
    document = parse(text)
    if not isinstance(document, Mapping) or not document.keys() <= _TOP:
        raise PolicyError(SYNTAX)
    version = document.get("Version", OLD)
    if version not in (CURRENT, OLD):
        raise PolicyError(SYNTAX, about="version")
    if type(document.get("Id", "")) is not str:
        raise PolicyError(SYNTAX)
    found = document.get("Statement")
    statements = [found] if isinstance(found, Mapping) else found
    if not isinstance(statements, list) or not statements:
        raise PolicyError(SYNTAX)
    read = tuple(_statement(index, statement, kind, str(version)) for index, statement in enumerate(statements))
    _check_sids(read, kind)
    return PolicyDocument(str(version), read)


def demand_current_version(document: PolicyDocument) -> None:
    """For managed policies, which IAM takes in the current version of the language only."""
    if document.version != CURRENT:
        raise PolicyError(VERSION, about="version")


def _check_sids(statements: Sequence[Statement], kind: PolicyKind) -> None:
    sids = [statement.sid for statement in statements if statement.sid]
    if kind in OWN_SIDE and not all(_SID.fullmatch(sid) for sid in sids):
        raise PolicyError(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression"
            " [0-9A-Za-z]*"
        )
    # KMS takes repeated ones (unconfirmed).
    if kind is not PolicyKind.KEY and len(set(sids)) != len(sids):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.")


def _statement(index: int, value: Json, kind: PolicyKind, version: str) -> Statement:
    if not isinstance(value, Mapping) or not value.keys() <= _ELEMENTS:
        raise PolicyError(SYNTAX)
    sid = value.get("Sid", "")
    effect = value.get("Effect")
    if type(sid) is not str or effect not in ("Allow", "Deny"):
        raise PolicyError(SYNTAX)
    principal = _principal(value, kind, effect == "Allow")
    actions, actions_negated = _strings(value, "Action", _ACTIONS)
    for action in actions:
        _check_action(action)
    if kind is PolicyKind.TRUST:
        _check_trust(value, actions, actions_negated)
        resources: tuple[str, ...] = ("*",)
        resources_negated = False
    else:
        resources, resources_negated = _strings(value, "Resource", _RESOURCES)
        for resource in resources:
            _check_resource(resource, version)
    return Statement(
        index, sid, effect == "Allow", principal, actions, actions_negated, resources, resources_negated,
        _conditions(value.get("Condition", {})),
    )  # fmt: skip


def _principal(statement: Mapping[str, Json], kind: PolicyKind, allow: bool) -> PrincipalElement | None:
    named, negated = "Principal" in statement, "NotPrincipal" in statement
    if kind in OWN_SIDE:
        if named or negated:
            # The console's validator says "Has prohibited field Principal".
            raise PolicyError("Policy document should not specify a principal.", about="principal")
        return None
    if named and negated:
        raise PolicyError(SYNTAX, about="principal")
    if not named and not negated:
        raise PolicyError("Missing required field Principal", about="principal")
    if negated and kind is PolicyKind.TRUST:
        raise PolicyError("Has prohibited field NotPrincipal", about="principal")
    if negated and allow:
        # "NotPrincipal must be used with Deny" (IAM user guide); the text is unconfirmed.
        raise PolicyError(SYNTAX, about="principal")
    return principal_element(statement["NotPrincipal" if negated else "Principal"], negated, kind)


def _strings(statement: Mapping[str, Json], name: str, missing: str) -> tuple[tuple[str, ...], bool]:
    """The values of an element or of its Not twin, and whether it was the twin."""
    twin = f"Not{name}"
    if name in statement and twin in statement:
        raise PolicyError(SYNTAX)
    negated = twin in statement
    value = statement.get(twin if negated else name)
    values = [value] if type(value) is str else value
    if values is None or values == []:
        raise PolicyError(missing)
    if not isinstance(values, list) or not all(type(each) is str for each in values):
        raise PolicyError(SYNTAX)
    return tuple(str(each) for each in values), negated


def _check_action(action: str) -> None:
    if action == "*":
        return
    vendor, colon, name = action.partition(":")
    if not colon:
        raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if ":" in name:
        raise PolicyError("Actions/Condition can contain only one colon.")
    if not _VENDOR.fullmatch(vendor):
        raise PolicyError(f"Vendor {vendor} is not valid")
    if not name or any(character.isspace() for character in name):
        raise PolicyError(LEGACY)


def _check_trust(statement: Mapping[str, Json], actions: tuple[str, ...], negated: bool) -> None:
    for name in ("Resource", "NotResource"):
        if name in statement:
            raise PolicyError(f"Has prohibited field {name}")
    if negated or not all(action.lower().startswith("sts:") for action in actions):
        raise PolicyError("AssumeRole policy may only specify STS AssumeRole actions.")


def _check_resource(resource: str, version: str) -> None:
    if resource == "*":
        return
    outside = hide_colons(resource) if version == CURRENT else resource
    parts = outside.split(":")
    if parts[0] != "arn" or len(parts) < 3:
        raise PolicyError(f'Resource {resource} must be in ARN format or "*".')
    if not _PARTITION.fullmatch(parts[1]):
        raise PolicyError(f'Partition "{resource.split(":")[1]}" is not valid for resource "{resource}".')
    # "If the * wildcard is the last character of a resource ARN segment, it can expand to match beyond the colon
    # boundaries": such an ARN may end early.
    if len(parts) < 6 and not outside.endswith("*"):
        raise PolicyError(LEGACY)


def _conditions(value: Json) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    if not isinstance(value, Mapping):
        raise PolicyError(SYNTAX)
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for operator, keys in value.items():
        if not isinstance(keys, Mapping):
            raise PolicyError(SYNTAX)
        for key, values in keys.items():
            if ":" not in key:
                raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            found.append((operator, key, _condition_values(values)))
    return tuple(found)


def _condition_values(value: Json) -> tuple[str, ...]:
    """The values of one key as strings; numbers as they are written."""
    values = value if isinstance(value, list) else [value]
    found: list[str] = []
    for each in values:
        if isinstance(each, bool):
            found.append("true" if each else "false")
        elif isinstance(each, str | Number):
            found.append(str(each))
        else:
            raise PolicyError(SYNTAX)
    return tuple(found)
