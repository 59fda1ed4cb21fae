"""CreateAlias, GetAlias, UpdateAlias, DeleteAlias, ListAliases. Weighted routing is refused by name."""

from __future__ import annotations

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.finding import Found, check_revision, find, not_found, refer
from holdfast.services.lambda_.identifiers import Reference, version_number, version_text
from holdfast.services.lambda_.pages import begin, end
from holdfast.services.lambda_.records import Alias
from holdfast.services.lambda_.rules import absent_parameter


def _where(call: Call, function_name: str | None, alias: str | None) -> Reference:
    """The alias as a reference."""
    return refer(call, function_name)._replace(qualifier=alias or "")


def _find(call: Call, where: Reference, action: str) -> Found:
    """The function of an alias. It is what the caller is authorized for ("function*", Service Authorization Reference)."""
    return find(call, where._replace(qualifier=""), action)._replace(where=where)


def _shown(call: Call, found: Found, alias: Alias) -> api.AliasConfiguration:
    return api.AliasConfiguration(
        AliasArn=found.where._replace(qualifier=alias.alias).arn(call.partition),
        Name=alias.alias,
        FunctionVersion=version_text(alias.version),
        Description=alias.description,
        RevisionId=alias.revision_id,
    )


def _existing(call: Call, where: Reference) -> Alias:
    alias = records.read_alias(call.tx, where.key, where.qualifier)
    if alias is None:
        raise api.ResourceNotFoundException(f"Cannot find alias arn: {where.arn(call.partition)}")
    return alias


def _version(call: Call, where: Reference, text: str) -> int:
    number = version_number(text)
    target = where._replace(qualifier=text)
    if number is None or records.read_version(call.tx, where.key, number) is None:
        raise not_found(call, target)
    return number


def _refuse_routing(operation: str, routing: api.AliasRoutingConfiguration | None) -> None:
    if routing is not None and routing.AdditionalVersionWeights:
        raise absent_parameter(operation, "RoutingConfig")


def create_alias(call: Call, value: api.CreateAliasRequest) -> api.AliasConfiguration:
    assert value.FunctionVersion is not None
    where = _where(call, value.FunctionName, value.Name)
    found = _find(call, where, "lambda:CreateAlias")
    _refuse_routing("CreateAlias", value.RoutingConfig)
    number = _version(call, where, value.FunctionVersion)
    if records.read_alias(call.tx, where.key, where.qualifier) is not None:
        raise api.ResourceConflictException(f"Alias already exists: {where.arn(call.partition)}")
    alias = Alias(where.qualifier, number, value.Description or "", call.randomness.uuid4())
    call.tx.run(records.INSERT_ALIAS, *where.key, *alias)
    return _shown(call, found, alias)


def get_alias(call: Call, value: api.GetAliasRequest) -> api.AliasConfiguration:
    where = _where(call, value.FunctionName, value.Name)
    found = _find(call, where, "lambda:GetAlias")
    return _shown(call, found, _existing(call, where))


def update_alias(call: Call, value: api.UpdateAliasRequest) -> api.AliasConfiguration:
    where = _where(call, value.FunctionName, value.Name)
    found = _find(call, where, "lambda:UpdateAlias")
    _refuse_routing("UpdateAlias", value.RoutingConfig)
    alias = _existing(call, where)
    check_revision(value.RevisionId, alias.revision_id)
    after = alias._replace(
        version=alias.version if value.FunctionVersion is None else _version(call, where, value.FunctionVersion),
        description=alias.description if value.Description is None else value.Description,
        revision_id=call.randomness.uuid4(),
    )
    call.tx.run(records.UPDATE_ALIAS, *after[1:], *where.key, after.alias)
    return _shown(call, found, after)


def delete_alias(call: Call, value: api.DeleteAliasRequest) -> api.DeleteAliasOutput:
    """One that is not there is no error."""
    where = _where(call, value.FunctionName, value.Name)
    _find(call, where, "lambda:DeleteAlias")
    call.tx.run(records.REMOVE_ALIAS, *where.key, where.qualifier)
    call.tx.run(records.REMOVE_POLICY, *where.key, where.qualifier)
    return api.DeleteAliasOutput()


def list_aliases(call: Call, value: api.ListAliasesRequest) -> api.ListAliasesResponse:
    where = refer(call, value.FunctionName)._replace(qualifier="")
    found = find(call, where, "lambda:ListAliases")
    only = None if value.FunctionVersion is None else version_number(value.FunctionVersion)
    filters = [where.name, value.FunctionVersion or ""]
    size, position = begin(call, "ListAliases", filters, value.Marker, value.MaxItems)
    rows = call.tx.all(records.LIST_ALIASES, *where.key, *(position or [""]), size + 1)
    aliases = [Alias(*row) for row in rows[:size]]
    marker = end(call, "ListAliases", filters, [aliases[-1].alias]) if len(rows) > size else None
    shown = [_shown(call, found, alias) for alias in aliases if only is None or alias.version == only]
    return api.ListAliasesResponse(Aliases=shown, NextMarker=marker)
