"""CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.

A grant lets one principal do some operations with one key. It only allows: an explicit deny of any policy stands above.
Sources: KMS developer guide, "Grants in AWS KMS"; the pages of the five operations in the KMS API reference.

Threat: somebody who asks for grants to learn whom a key serves, or whether a grant exists. Permission is asked for
before anything is looked up, and a grant that does not exist is denied to whoever could not retire one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.access.decision import Context, ContextValue, Outcome, denial_text
from holdfast.access.evaluate import evaluate
from holdfast.access.grounds import GrantStatement
from holdfast.access.principals import is_principal_arn, is_service_name
from holdfast.access.request import AccessRequest
from holdfast.api import kms
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.arn import parse_arn
from holdfast.services.call import Call
from holdfast.services.kms import grant_records, grants, keys, records, rules
from holdfast.services.kms.authorization import KeyContext, policy_of
from holdfast.services.kms.grant_records import EQUALS, SOURCE_ARN, SUBSET, Grant
from holdfast.services.kms.identifiers import key_not_found, parse_key_id_without_alias
from holdfast.services.kms.keys import Found
from holdfast.services.kms.named_principals import as_service, in_members, lasting, shown
from holdfast.services.kms.pages import page_limit, position, truncated
from holdfast.services.kms.policies import root_arn
from holdfast.services.named_principals import UnknownPrincipal

PAGE = 50
LONGEST_PAGE = 100


class _Named(NamedTuple):
    """Whom a request names as grantee or as retiring principal, in one of the two members for it."""

    role: str
    """Grantee or Retiring."""
    principal: str | None
    service: str | None

    def context(self) -> dict[str, ContextValue]:
        """The condition key of the member that was used."""
        members = {f"kms:{self.role}Principal": self.principal, f"kms:{self.role}ServicePrincipal": self.service}
        return {key: name for key, name in members.items() if name is not None}

    def remembered(self, call: Call) -> str:
        """Empty for nobody."""
        if self.service is not None:
            return as_service(self.service)
        return "" if self.principal is None else _lasting(call, self.principal)


def _named(role: str, principal: str | None, service: str | None) -> _Named:
    """Checked: one member at most, and with what can be a principal."""
    if principal is not None and service is not None:
        raise ValidationException(f"Specify {role}Principal or {role}ServicePrincipal, not both.")
    if service is not None and not is_service_name(service):
        raise ValidationException(f"{role}ServicePrincipal does not refer to a valid service principal: {service}")
    if principal is not None:
        _principal(principal, f"{role.lower()}Principal")
    return _Named(role, principal, service)


def _parties(value: kms.CreateGrantRequest, source_arn: str) -> tuple[_Named, _Named]:
    """The grantee and who may retire, as a new grant needs them.

    "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant constraint. In addition, you must
    specify either a RetiringPrincipal or a RetiringServicePrincipal" (KMS API reference, CreateGrant).
    """
    grantee = _named("Grantee", value.GranteePrincipal, value.GranteeServicePrincipal)
    retiring = _named("Retiring", value.RetiringPrincipal, value.RetiringServicePrincipal)
    if grantee.service is None:
        _principal(grantee.principal, "granteePrincipal")
    elif not source_arn:
        raise ValidationException("A grant with a GranteeServicePrincipal must have a SourceArn constraint.")
    elif not retiring.context():
        raise ValidationException(
            "A grant with a GranteeServicePrincipal must have a RetiringPrincipal or a RetiringServicePrincipal."
        )
    return grantee, retiring


def create_grant(call: Call, value: kms.CreateGrantRequest) -> kms.CreateGrantResponse:
    """A new grant, or the one that an earlier request with this name and everything else the same made."""
    source_arn = (value.Constraints.SourceArn if value.Constraints else None) or ""
    grantee, retiring = _parties(value, source_arn)
    operations = grants.check_operations(value.Operations or [])
    constraints = grants.check_constraints(value.Constraints)
    grants.check_grant_tokens(call, value.GrantTokens)
    more: dict[str, ContextValue] = {
        "kms:GrantIsForAWSResource": bool(call.via_service),
        "kms:GrantOperations": list(operations),
        **grantee.context(),
        **retiring.context(),
        **_constraint_type(constraints, source_arn),
    }
    if source_arn:
        more["kms:GrantConstraintSourceArn"] = source_arn
    pairs = next(iter(constraints.values()), None)
    found = keys.describe(
        call,
        value.KeyId,
        "kms:CreateGrant",
        aliases=False,
        encryption_context=pairs,
        more=more,
        suits=lambda parent: grants.may_pass_on(parent, operations, constraints, source_arn),
    )
    rules.require_usable(found.key.lifecycle.state, found.arn)
    wanted = Grant(
        grant_id="",
        account=found.account,
        key_id=found.key.key_id,
        name=value.Name or "",
        grantee=grantee.remembered(call),
        retiring=retiring.remembered(call),
        issuer=call.account,
        operations=operations,
        constraints=constraints,
        created=call.now,
        source_arn=source_arn,
    )
    grant = _made_before(call, wanted)
    if grant is None:
        grants.check_grant_count(found.key.grants)
        rules.stop_dry_run(value.DryRun)
        grant = wanted._replace(grant_id=call.randomness.bytes(32).hex())
        grant_records.insert_grant(call.tx, call.region, grant)
    rules.stop_dry_run(value.DryRun)
    return kms.CreateGrantResponse(GrantToken=grants.grant_token(call, grant), GrantId=grant.grant_id)


def _constraint_type(constraints: Mapping[str, object], source_arn: str) -> dict[str, ContextValue]:
    """The condition key that tells which constraints a grant has: one value, or several of a multivalued key."""
    types = [*constraints, *([SOURCE_ARN] if source_arn else [])]
    if not types:
        return {}
    return {"kms:GrantConstraintType": types[0] if len(types) == 1 else types}


def _made_before(call: Call, wanted: Grant) -> Grant | None:
    """The grant of the same name that is like `wanted` in everything else ("Name", CreateGrant)."""
    if not wanted.name:
        return None
    where = (wanted.account, call.region, wanted.key_id)
    for row in call.tx.all(grant_records.GRANTS_OF_NAME, *where, wanted.name):
        grant = grant_records.grant_of_row(row)
        if grant == wanted._replace(grant_id=grant.grant_id, created=grant.created):
            return grant
    return None


def _principal(arn: str | None, member: str) -> str:
    """A principal that a request must name, by its ARN; a service, as services name themselves, by its name."""
    if arn is None:
        raise ValidationException(
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null"
        )
    if not is_principal_arn(arn) and not is_service_name(arn):
        raise kms.InvalidArnException(f"ARN does not refer to a valid principal: {arn}")
    return arn


def _lasting(call: Call, arn: str) -> str:
    try:
        return lasting(call, arn)
    except UnknownPrincipal:
        raise kms.InvalidArnException(f"ARN does not refer to a valid principal: {arn}") from None


def list_grants(call: Call, value: kms.ListGrantsRequest) -> kms.ListGrantsResponse:
    """The grants of a key: all, one, or those of one grantee."""
    _refuse_filter("GranteeServicePrincipal", value.GranteeServicePrincipal)
    if value.GrantId is not None:
        grants.check_grant_id(value.GrantId)
    more: Context = {"kms:GrantIsForAWSResource": bool(call.via_service)}
    key, arn, account = keys.describe(call, value.KeyId, "kms:ListGrants", aliases=False, more=more)
    limit = page_limit(value.Limit, PAGE, LONGEST_PAGE)
    filters = [arn, value.GrantId, value.GranteePrincipal]
    after = position(call, "ListGrants", filters, value.Marker)
    where = (account, call.region, key.key_id)
    if value.GrantId is not None:
        row = call.tx.one(grant_records.READ_GRANT, *where, value.GrantId)
        rows = [row] if row is not None and row[0] > after else []
        if value.GranteePrincipal is not None:
            grantee = _remembered(call, value.GranteePrincipal)
            rows = [row for row in rows if grant_records.grant_of_row(row).grantee == grantee]
    elif value.GranteePrincipal is not None:
        grantee = _remembered(call, value.GranteePrincipal)
        rows = call.tx.all(grant_records.LIST_GRANTS_OF_GRANTEE, *where, grantee, after, limit + 1)
    else:
        rows = call.tx.all(grant_records.LIST_GRANTS, *where, after, limit + 1)
    marker = truncated(call, "ListGrants", filters, rows, limit)
    return _page(call, rows[:limit], marker)


def _refuse_filter(member: str, given: str | None) -> None:
    """ "This filter is only usable by callers in a service principal" (KMS API reference), and none of them lists grants."""
    if given is not None:
        raise ValidationException(f"{member} can be used by AWS services only.")


def list_retirable_grants(call: Call, value: kms.ListRetirableGrantsRequest) -> kms.ListGrantsResponse:
    """The grants, of keys of any account, that name a principal of the caller's account as retiring principal."""
    call.authorize("kms:ListRetirableGrants", "*")
    _refuse_filter("RetiringServicePrincipal", value.RetiringServicePrincipal)
    named = _principal(value.RetiringPrincipal, "retiringPrincipal")
    arn = parse_arn(named)
    if arn is None or arn.account != call.account:
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: kms:ListRetirableGrants for a principal of "
            "another account"
        )
    limit = page_limit(value.Limit, PAGE, LONGEST_PAGE)
    after = position(call, "ListRetirableGrants", named, value.Marker)
    retiring = _remembered(call, named)
    rows = call.tx.all(grant_records.LIST_RETIRABLE, call.region, retiring, after, limit + 1)
    marker = truncated(call, "ListRetirableGrants", named, rows, limit)
    return _page(call, rows[:limit], marker)


def _remembered(call: Call, arn: str) -> str:
    """What grants remember a principal by; its ARN when nobody is called so, which no grant has."""
    try:
        return lasting(call, arn)
    except UnknownPrincipal:
        return arn


def _page(call: Call, rows: list[tuple[object, ...]], marker: str | None) -> kms.ListGrantsResponse:
    found = [grant_records.grant_of_row(row) for row in rows]
    entries = [
        kms.GrantListEntry(
            KeyId=keys.arn_of(call, grant.account, grant.key_id),
            GrantId=grant.grant_id,
            Name=grant.name,
            CreationDate=grant.created / 1000,
            **_shown_parties(call, grant),
            IssuingAccount=root_arn(call.partition, grant.issuer),
            Operations=list(grant.operations),
            Constraints=_constraints(grant),
        )
        for grant in found
    ]
    return kms.ListGrantsResponse(Grants=entries, NextMarker=marker, Truncated=marker is not None)


def _shown_parties(call: Call, grant: Grant) -> dict[str, str | None]:
    grantee, grantee_service = in_members(grant.grantee)
    retiring, retiring_service = in_members(grant.retiring)
    return {
        "GranteePrincipal": None if grantee is None else shown(call, grantee),
        "GranteeServicePrincipal": grantee_service,
        "RetiringPrincipal": None if retiring is None else shown(call, retiring),
        "RetiringServicePrincipal": retiring_service,
    }


def _constraints(grant: Grant) -> kms.GrantConstraints | None:
    if not grant.constraints and not grant.source_arn:
        return None
    equals, subset = grant.constraints.get(EQUALS), grant.constraints.get(SUBSET)
    return kms.GrantConstraints(
        EncryptionContextEquals=None if equals is None else dict(equals),
        EncryptionContextSubset=None if subset is None else dict(subset),
        SourceArn=grant.source_arn or None,
    )


def revoke_grant(call: Call, value: kms.RevokeGrantRequest) -> kms.RevokeGrantOutput:
    """End a grant: what administrators of the key do."""
    assert value.GrantId is not None
    grants.check_grant_id(value.GrantId)
    more: Context = {"kms:GrantIsForAWSResource": bool(call.via_service)}
    key, _, account = keys.describe(call, value.KeyId, "kms:RevokeGrant", aliases=False, more=more)
    grant = grant_records.read_grant(call.tx, account, call.region, key.key_id, value.GrantId)
    if grant is None:
        raise grants.grant_not_found(value.GrantId)
    rules.stop_dry_run(value.DryRun)
    grant_records.delete_grant(call.tx, call.region, grant)
    return kms.RevokeGrantOutput()


def retire_grant(call: Call, value: kms.RetireGrantRequest) -> kms.RetireGrantOutput:
    """End a grant: what those do for whom it was made."""
    named = (value.GrantToken is not None, value.KeyId is not None, value.GrantId is not None)
    if named not in ((True, False, False), (False, True, True)):
        raise ValidationException("Specify either GrantToken, or both KeyId and GrantId.")
    if value.GrantToken is not None:
        account, key_id, grant_id = grants.named_by_token(call, value.GrantToken)
    else:
        assert value.KeyId is not None
        assert value.GrantId is not None
        grants.check_grant_id(value.GrantId)
        reference = parse_key_id_without_alias(value.KeyId, call.account, call.region)
        account, key_id, grant_id = reference.account, reference.key_id, value.GrantId
    grant = grant_records.read_grant(call.tx, account, call.region, key_id, grant_id)
    found = _authorize_retirement(call, account, key_id, grant)
    if grant is None:
        raise key_not_found(keys.arn_of(call, account, key_id)) if found is None else grants.grant_not_found(grant_id)
    rules.stop_dry_run(value.DryRun)
    grant_records.delete_grant(call.tx, call.region, grant)
    return kms.RetireGrantOutput()


def _authorize_retirement(call: Call, account: str, key_id: str, grant: Grant | None) -> Found | None:
    """Raise AccessDeniedException unless the grant itself lets the caller retire it; its key.

    A grant that does not exist is as if the key's account had made it.
    """
    key = records.read_key(call.tx, account, call.region, key_id)
    arn = keys.arn_of(call, account, key_id)
    pairs = next(iter(grant.constraints.values()), None) if grant is not None else None
    more: Context = {} if grant is None else _constraint_type(grant.constraints, grant.source_arn)
    context = KeyContext(call, account, key, pairs, more=more)
    issuer = root_arn(call.partition, account if grant is None else grant.issuer)
    statements = (
        [GrantStatement("", issuer, frozenset({"RetireGrant"}))]
        if grant is None
        else grants.who_may_retire(grant, issuer)
    )
    if key is not None:
        request = AccessRequest("kms:RetireGrant", arn, account, context, call)
        policy = policy_of(call, account, key)
        decision = evaluate(call.identity, request, resource_policy=policy, resource_kind="key", grants=statements)
        if decision.outcome is Outcome.EXPLICIT_DENY:
            call.decisions.append(decision)
            raise AccessDeniedException(denial_text(decision))
    decision = call.check("kms:RetireGrant", arn, context, owner=account, resource_kind="key", grants=statements)
    if not decision.allowed:
        raise AccessDeniedException(denial_text(decision))
    return None if key is None else Found(key, arn, account)
