"""Parameter policies: their JSON, what may stand in it, and when each is due; pure.

    Expiration              at its Timestamp, the parameter goes with all its versions
    ExpirationNotification  Before so many days or hours, an event
    NoChangeNotification    After so many days or hours without a PutParameter, an event

("Assigning parameter policies in Parameter Store", user guide.) Policies that are not sent are preserved: an expiration
and its notifications stay where they are, a NoChangeNotification begins anew. New ones replace all; `[{}]` takes all away.

INVARIANT: a policy acts once for each due moment. What has acted is Finished and stays so, even when the same policy is
sent again: only another due moment makes it Pending.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import msgspec

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException

EXPIRATION, EXPIRATION_NOTIFICATION, NO_CHANGE = "Expiration", "ExpirationNotification", "NoChangeNotification"
PENDING, FINISHED = "Pending", "Finished"
MAXIMUM_POLICIES = 10
UNITS = {"Days": 86_400_000, "Hours": 3_600_000}
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    EXPIRATION: frozenset(("Timestamp",)),
    EXPIRATION_NOTIFICATION: frozenset(("Before", "Unit")),
    NO_CHANGE: frozenset(("After", "Unit")),
}
_WHOLE = re.compile("[0-9]{1,9}")
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):(\d\d)(?::(\d\d))?)",
    re.ASCII | re.IGNORECASE,
)
_FURTHEST = timedelta(hours=18)
"""An offset from UTC that Java knows (ZoneOffset)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Policy(NamedTuple):
    """One policy of a version."""

    type: str
    text: str
    """Its JSON."""
    status: str
    due: int
    """Service time, milliseconds."""


# -- stored ----------------------------------------------------------------------------------------------------------


def encode(policies: Sequence[Policy]) -> str:
    """For the column of that name; empty for none."""
    return msgspec.json.encode(policies).decode() if policies else ""


def decode(text: str) -> list[Policy]:
    """What `encode` wrote."""
    return msgspec.json.decode(text, type=list[Policy]) if text else []


# -- sent ------------------------------------------------------------------------------------------------------------


def parse(document: str, now: int, previous: Iterable[Policy] = ()) -> list[Policy]:
    """The policies of a PutParameter at `now`, none for an empty policy.

    Raises ValidationException for what is no JSON array of objects, PoliciesLimitExceededException,
    InvalidPolicyTypeException, InvalidPolicyAttributeException, IncompatiblePolicyException.
    """
    sent = _objects(document)
    if len(sent) > MAXIMUM_POLICIES:
        raise api.PoliciesLimitExceededException(
            f"You specified more than the maximum number of allowed policies for the parameter. The maximum is "
            f"{MAXIMUM_POLICIES}."
        )
    if sent in ([], [{}]):
        return []
    attributes = [(_type(policy), _attributes(policy)) for policy in sent]
    expirations = [_timestamp(a["Timestamp"]) for kind, a in attributes if kind == EXPIRATION]
    _check_together([kind for kind, _ in attributes])
    if expirations and expirations[0] <= now:
        raise _bad_attribute("The Timestamp of an Expiration policy must be in the future.")
    acted = {(p.type, p.due) for p in previous if p.status == FINISHED and p.type == EXPIRATION_NOTIFICATION}
    found: list[Policy] = []
    for policy, (kind, values) in zip(sent, attributes, strict=True):
        due = _due(kind, values, now, expirations[0] if expirations else 0)
        status = FINISHED if (kind, due) in acted else PENDING
        found.append(Policy(kind, msgspec.json.encode(policy).decode(), status, due))
    return found


def preserved(policies: Iterable[Policy], now: int) -> list[Policy]:
    """The policies of a version that was written at `now` without sending any."""
    return [
        policy._replace(status=PENDING, due=_due(NO_CHANGE, _attributes(msgspec.json.decode(policy.text)), now, 0))
        if policy.type == NO_CHANGE
        else policy
        for policy in policies
    ]


def _objects(document: str) -> list[dict[str, Any]]:
    try:
        sent: object = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError):
        raise ValidationException("The parameter policies aren't valid JSON.") from None
    if isinstance(sent, list):
        items = cast("list[object]", sent)
        if all(isinstance(item, dict) for item in items):
            return cast("list[dict[str, Any]]", items)
    raise ValidationException("The parameter policies must be a JSON array of policies.")


def _type(policy: Mapping[str, Any]) -> str:
    kind = policy.get("Type")
    if not isinstance(kind, str) or kind not in _ATTRIBUTES:
        raise api.InvalidPolicyTypeException(
            "The policy type isn't supported. Parameter Store supports the following policy types: Expiration, "
            "ExpirationNotification, and NoChangeNotification."
        )
    return kind


def _attributes(policy: Mapping[str, Any]) -> dict[str, str]:
    """Texts; numbers are taken for them."""
    kind = policy["Type"]
    if policy.get("Version") != "1.0" or set(policy) != {"Type", "Version", "Attributes"}:
        raise _bad_attribute(f"A {kind} policy has the members Type, Version, which is 1.0, and Attributes.")
    attributes: object = policy["Attributes"]
    expected = _ATTRIBUTES[kind]
    if not isinstance(attributes, dict) or cast("dict[str, Any]", attributes).keys() != expected:
        raise _bad_attribute(f"The attributes of a {kind} policy are {' and '.join(sorted(expected))}.")
    found: dict[str, str] = {}
    for name, value in cast("dict[str, Any]", attributes).items():
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise _bad_attribute(f"The attribute {name} of a {kind} policy must be a text.")
        found[name] = str(value)
    return found


def _check_together(kinds: list[str]) -> None:
    if kinds.count(EXPIRATION) > 1:
        raise api.IncompatiblePolicyException(
            "There is a conflict in the policies specified for this parameter. You can't specify two Expiration policies "
            "for a parameter. Review your policies, and try again."
        )
    if EXPIRATION_NOTIFICATION in kinds and EXPIRATION not in kinds:
        raise api.IncompatiblePolicyException(
            "There is a conflict in the policies specified for this parameter. An ExpirationNotification policy requires "
            "an Expiration policy. Review your policies, and try again."
        )


def _due(kind: str, attributes: Mapping[str, str], now: int, expiration: int) -> int:
    if kind == EXPIRATION:
        return expiration
    name = "Before" if kind == EXPIRATION_NOTIFICATION else "After"
    unit = UNITS.get(attributes["Unit"])
    if unit is None:
        raise _bad_attribute(f"The Unit of a {kind} policy must be Days or Hours.")
    if not _WHOLE.fullmatch(attributes[name]) or not int(attributes[name]):
        raise _bad_attribute(f"The attribute {name} of a {kind} policy must be a positive whole number.")
    span = int(attributes[name]) * unit
    return expiration - span if kind == EXPIRATION_NOTIFICATION else now + span


def _timestamp(text: str) -> int:
    """Java's ISO_INSTANT or ISO_OFFSET_DATE_TIME, whose letters may be small, in milliseconds."""
    found = _TIMESTAMP.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        minute, second, fraction, sign, *offset = found.groups()
        moment = datetime.fromisoformat(f"{minute}:{second or '00'}+00:00")
        hours, minutes, seconds = (int(part or 0) for part in offset)
        ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        if minutes > 59 or seconds > 59 or ahead > _FURTHEST:
            raise ValueError
        since = (moment - _EPOCH) - ahead * (-1 if sign == "-" else 1)
        return since // timedelta(milliseconds=1) + int((fraction or "0").ljust(3, "0")[:3])
    except ValueError:
        raise _bad_attribute(
            "The Timestamp of an Expiration policy must be in the format 2018-12-02T21:34:33.000Z or "
            "2019-11-01T22:13:48.87+10:30."
        ) from None


def _bad_attribute(text: str) -> api.InvalidPolicyAttributeException:
    return api.InvalidPolicyAttributeException(f"A policy attribute or its value is invalid. {text}")


# -- due -------------------------------------------------------------------------------------------------------------


def next_due(policies: Iterable[Policy]) -> int | None:
    """When the next of them acts; None when all have."""
    return min((policy.due for policy in policies if policy.status == PENDING), default=None)


def act(policies: Sequence[Policy], now: int) -> tuple[list[Policy], list[Policy]]:
    """The policies after those that are due have acted, and those that have, the one due first first."""
    acting = [policy.status == PENDING and policy.due <= now for policy in policies]
    after = [p._replace(status=FINISHED) if due else p for p, due in zip(policies, acting, strict=True)]
    return after, sorted((p for p, due in zip(policies, acting, strict=True) if due), key=lambda policy: policy.due)
