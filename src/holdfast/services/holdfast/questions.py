"""Questions before the fact: would this principal be let through, check by check?

A question is put to the same evaluation that decides calls, with the policies as they are now. What decides about a
resource beside the caller's own policies, and what follows from reaching it (a secret's key), its service says (`Guard`).

Of the circumstances only the time and the region are known; every other condition key has to be given, or it is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from holdfast.access.chain import Check, check_of
from holdfast.access.decision import Decision, Outcome
from holdfast.access.evaluate import KINDS_OF_RESOURCES, evaluate
from holdfast.access.principal import PrincipalKind
from holdfast.access.request import AccessRequest, KnownCircumstances
from holdfast.api.base import ValidationException
from holdfast.services.arn import parse_arn
from holdfast.services.call import Call
from holdfast.services.service import Guard

if TYPE_CHECKING:
    from holdfast.access.decision import Context, ContextValue
    from holdfast.access.grounds import GrantStatement, Identity
    from holdfast.api import holdfast as api


class Link(NamedTuple):
    """One check of a question, ready to be put to any number of principals."""

    action: str
    guard: Guard
    grants: Mapping[str, Sequence[GrantStatement]]
    """Those of the guard by grantee: a key may have thousands, of which a principal has few."""
    via: str
    """The service that asks on the caller's behalf; empty on a direct call."""
    circumstances: KnownCircumstances
    context: Context


class Question:
    """An action on a resource, and what follows from it; `account` is where names that are no ARN belong."""

    def __init__(self, call: Call, action: str, resource: str, account: str, given: Mapping[str, ContextValue]) -> None:
        self._given = given
        self._region = _region_of(call, resource)
        self.links = tuple(self._links(_in(call, self._region, account), action, resource, (), {}))

    def _links(
        self, call: Call, action: str, resource: str, through: tuple[str, ...], context: Context
    ) -> Iterator[Link]:
        guard = guard_of(call, action, resource)
        circumstances = KnownCircumstances(
            call.now, self._region, called_via=tuple(f"{name}.amazonaws.com" for name in through)
        )
        grants: dict[str, list[GrantStatement]] = {}
        for grant in guard.grants:
            grants.setdefault(grant.grantee, []).append(grant)
        yield Link(action, guard, grants, through[-1] if through else "", circumstances, {**guard.context, **context})
        for asked in guard.then:
            yield from self._links(call, asked.action, asked.resource, (*through, asked.via), asked.context)

    @property
    def guard(self) -> Guard:
        """What decides about the resource that was asked about."""
        return self.links[0].guard

    def put_to(self, identity: Identity) -> list[Check]:
        """The checks, up to and with the first that is denied; that one alone stands in the way of the others."""
        checks: list[Check] = []
        for link in self.links:
            check = self._check(link, identity)
            checks.append(check)
            if not check.allowed:
                break
        return checks

    def _check(self, link: Link, identity: Identity) -> Check:
        guard = link.guard
        account = identity.principal.account
        via = f"{link.via}.{self._region}.amazonaws.com" if link.via else ""
        context = link.context
        if link.action.startswith("kms:"):
            context = {**context, "kms:CallerAccount": account, **({"kms:ViaService": via} if via else {})}
        request = AccessRequest(link.action, guard.resource, guard.owner, context, link.circumstances, self._given)
        if guard.refuses_root and identity.principal.kind is PrincipalKind.ROOT:
            place = KINDS_OF_RESOURCES[guard.kind]
            arn = identity.principal.arn
            refusal = Decision(Outcome.IMPLICIT_DENY, link.action, guard.resource, arn, missing=place, final=True)
            return check_of(refusal, identity, via)
        grants = [grant for name in _grantees(identity) for grant in link.grants.get(name, ())] if link.grants else ()
        decision = evaluate(identity, request, resource_policy=guard.policy, resource_kind=guard.kind, grants=grants)
        return check_of(decision, identity, via)


def _grantees(identity: Identity) -> tuple[str, ...]:
    """Every name by which a grant can speak of somebody, each once."""
    principal = identity.principal
    account = principal.account
    names = (
        principal.arn,
        identity.role_arn,
        principal.principal_id,
        principal.principal_id.partition(":")[0],
        f"arn:aws:iam::{account}:root",
        account,
        principal.service,
    )
    return tuple(dict.fromkeys(name for name in names if name))


def guard_of(call: Call, action: str, resource: str) -> Guard:
    """What the action's service says of the resource; the bare resource where it says nothing."""
    try:
        guard = call.surroundings.service(action.partition(":")[0]).guard
    except KeyError:  # an action of a service that is not here
        guard = None
    if guard is not None:
        return guard(call, action, resource)
    arn = parse_arn(resource)
    owner = arn.account if arn is not None and arn.account not in ("", "aws") else call.account
    return Guard(resource, owner)


def given_context(entries: Sequence[api.ContextEntry] | None) -> dict[str, ContextValue]:
    """The condition keys that the question gives; several values make a multivalued key."""
    given: dict[str, ContextValue] = {}
    for entry in entries or ():
        values = entry.Values or []
        key = entry.Key or ""
        if key in given:
            raise ValidationException(f"The context key {key} is given twice; give its values together.")
        given[key] = values[0] if len(values) == 1 else tuple(values)
    return given


def _region_of(call: Call, resource: str) -> str:
    arn = parse_arn(resource)
    return arn.region if arn is not None and arn.region else call.region


def _in(call: Call, region: str, account: str) -> Call:
    """The same call as if it had been made in a region, about an account; only guards read through it."""
    asking = Call(
        call.surroundings,
        call.tx,
        principal=call.principal,
        identity=call.identity,
        region=region,
        now=call.now,
        request_id=call.request_id,
        source=call.source,
    )
    asking.account = account
    return asking
