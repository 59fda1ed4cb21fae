"""CreateConnection, UpdateConnection, DescribeConnection, ListConnections, DeauthorizeConnection, DeleteConnection.

INVARIANT: passwords, keys, client secrets and parameters marked as secret leave the store for requests to the endpoints of
the connection only; no answer shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from holdfast.api import events as api
from holdfast.api.base import NotImplementedException, ValidationException
from holdfast.services.events import connection_records as records
from holdfast.services.events.connection_records import AUTHORIZED, CONNECTION, DEAUTHORIZED, Connection
from holdfast.services.events.pages import filtered_page

if TYPE_CHECKING:
    from holdfast.services.call import Call

Parameters = api.CreateConnectionAuthRequestParameters
BY_TYPE = {
    "BASIC": "BasicAuthParameters",
    "API_KEY": "ApiKeyAuthParameters",
    "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters",
}


def arn_of(call: Call, kind: str, name: str | None) -> str:
    """What is authorized: the ARN as policies write it, without the id that follows the name."""
    return f"arn:{call.partition}:events:{call.region}:{call.account}:{kind}/{name}"


def _find(call: Call, action: str, name: str | None) -> Connection:
    call.authorize(action, arn_of(call, CONNECTION, name))
    found = records.read_connection(call.tx, call.account, call.region, name or "")
    if found is None:
        raise api.ResourceNotFoundException(
            f"Failed to describe the connection(s). Connection '{name}' does not exist."
        )
    return found


def _refuse_absent(value: api.CreateConnectionRequest | api.UpdateConnectionRequest) -> None:
    if value.KmsKeyIdentifier:
        raise NotImplementedException("Holdfast does not implement KmsKeyIdentifier of a connection.")
    private = value.AuthParameters.ConnectivityParameters if value.AuthParameters else None
    if value.InvocationConnectivityParameters is not None or private is not None:
        raise NotImplementedException(
            "Holdfast does not implement connections to private APIs (ConnectivityParameters)."
        )


def _check(kind: str, parameters: Parameters) -> None:
    """The parameters of the kind of authorization, and of no other."""
    for other, member in BY_TYPE.items():
        given = getattr(parameters, member)
        if (given is not None) != (other == kind):
            raise ValidationException(
                f"Parameter(s) {BY_TYPE[kind]} must be specified for AuthorizationType {kind}, and no other."
            )


def create_connection(call: Call, value: api.CreateConnectionRequest) -> api.CreateConnectionResponse:
    call.authorize("events:CreateConnection", arn_of(call, CONNECTION, value.Name))
    _refuse_absent(value)
    parameters = value.AuthParameters
    assert value.Name is not None
    assert value.AuthorizationType is not None
    assert parameters is not None
    _check(value.AuthorizationType, parameters)
    key = (call.account, call.region, value.Name)
    if records.read_connection(call.tx, *key) is not None:
        raise api.ResourceAlreadyExistsException(f"Connection {value.Name} already exists.")
    made = Connection(
        *key,
        connection_id=call.randomness.uuid4(),
        description=value.Description or "",
        state=AUTHORIZED,
        authorization_type=value.AuthorizationType,
        created=call.now,
        modified=call.now,
        authorized=call.now,
        parameters_sealed=records.seal(call.vault, key, parameters),
    )
    call.tx.run(records.WRITE_CONNECTION, *made)
    return api.CreateConnectionResponse(
        ConnectionArn=made.arn(call.partition),
        ConnectionState=made.state,
        CreationTime=made.created / 1000,
        LastModifiedTime=made.modified / 1000,
    )


def update_connection(call: Call, value: api.UpdateConnectionRequest) -> api.UpdateConnectionResponse:
    """Change what is given; what a secret parameter was stays when another of its kind is given alone."""
    before = _find(call, "events:UpdateConnection", value.Name)
    _refuse_absent(value)
    kind = value.AuthorizationType or before.authorization_type
    sealed, state, authorized = before.parameters_sealed, before.state, before.authorized
    if value.AuthParameters is not None or kind != before.authorization_type:
        old = records.open_parameters(call.vault, before) if kind == before.authorization_type else None
        parameters = _merged(old or Parameters(), value.AuthParameters, Parameters)
        _check(kind, parameters)
        _require_whole(parameters)
        sealed, state, authorized = records.seal(call.vault, before[:3], parameters), AUTHORIZED, call.now
    after = before._replace(
        description=before.description if value.Description is None else value.Description,
        authorization_type=kind,
        state=state,
        modified=call.now,
        authorized=authorized,
        parameters_sealed=sealed,
    )
    call.tx.run(records.WRITE_CONNECTION, *after)
    return api.UpdateConnectionResponse(**_times(call, after))


def _merged(old: Any, new: Any, kind: type[Any]) -> Any:
    """A structure with the members of `new` that are there, at any depth, and else those of `old`."""
    if new is None:
        return old
    changes: dict[str, Any] = {}
    for name in kind.__struct_fields__:
        given = getattr(new, name)
        if given is None:
            continue
        nested = _NESTED.get(name)
        changes[name] = _merged(getattr(old, name) or nested(), given, nested) if nested else given
    return replace(old, **changes)


_NESTED: dict[str, type[Any]] = {
    "BasicAuthParameters": api.CreateConnectionBasicAuthRequestParameters,
    "ApiKeyAuthParameters": api.CreateConnectionApiKeyAuthRequestParameters,
    "OAuthParameters": api.CreateConnectionOAuthRequestParameters,
    "ClientParameters": api.CreateConnectionOAuthClientRequestParameters,
}


def _require_whole(parameters: Parameters) -> None:
    """What a new connection must have, one that was changed must have too."""
    stack: list[Any] = [parameters]
    while stack:
        part = stack.pop()
        for name in part.REQUIRED:
            if getattr(part, name) is None:
                raise ValidationException(f"Parameter(s) {name} must be specified.")
        stack += [inner for name in _NESTED if (inner := getattr(part, name, None)) is not None]


def _times(call: Call, connection: Connection) -> dict[str, Any]:
    return {
        "ConnectionArn": connection.arn(call.partition),
        "ConnectionState": connection.state,
        "CreationTime": connection.created / 1000,
        "LastModifiedTime": connection.modified / 1000,
        "LastAuthorizedTime": connection.authorized / 1000,
    }


def describe_connection(call: Call, value: api.DescribeConnectionRequest) -> api.DescribeConnectionResponse:
    found = _find(call, "events:DescribeConnection", value.Name)
    parameters = records.open_parameters(call.vault, found)
    return api.DescribeConnectionResponse(
        **_times(call, found),
        Name=found.name,
        Description=found.description or None,
        AuthorizationType=found.authorization_type,
        AuthParameters=None if parameters is None else _shown(parameters),
    )


def _shown(parameters: Parameters) -> api.ConnectionAuthResponseParameters:
    """AuthParameters without their secrets."""
    shown = api.ConnectionAuthResponseParameters(InvocationHttpParameters=_open(parameters.InvocationHttpParameters))
    if (basic := parameters.BasicAuthParameters) is not None:
        shown.BasicAuthParameters = api.ConnectionBasicAuthResponseParameters(Username=basic.Username)
    if (key := parameters.ApiKeyAuthParameters) is not None:
        shown.ApiKeyAuthParameters = api.ConnectionApiKeyAuthResponseParameters(ApiKeyName=key.ApiKeyName)
    if (oauth := parameters.OAuthParameters) is not None:
        client = oauth.ClientParameters
        shown.OAuthParameters = api.ConnectionOAuthResponseParameters(
            ClientParameters=api.ConnectionOAuthClientResponseParameters(ClientID=client.ClientID if client else None),
            AuthorizationEndpoint=oauth.AuthorizationEndpoint,
            HttpMethod=oauth.HttpMethod,
            OAuthHttpParameters=_open(oauth.OAuthHttpParameters),
        )
    return shown


def _open(parameters: api.ConnectionHttpParameters | None) -> api.ConnectionHttpParameters | None:
    """HTTP parameters, the values of secret ones left out."""
    if parameters is None:
        return None

    def without(members: list[Any] | None) -> list[Any] | None:
        if members is None:
            return None
        return [replace(member, Value=None) if member.IsValueSecret else member for member in members]

    return api.ConnectionHttpParameters(
        HeaderParameters=without(parameters.HeaderParameters),
        QueryStringParameters=without(parameters.QueryStringParameters),
        BodyParameters=without(parameters.BodyParameters),
    )


def list_connections(call: Call, value: api.ListConnectionsRequest) -> api.ListConnectionsResponse:
    call.authorize("events:ListConnections", "*")
    rows, token = filtered_page(
        call,
        records.LIST_CONNECTIONS,
        Connection,
        "ListConnections",
        value.NamePrefix,
        value.ConnectionState,
        value.NextToken,
        value.Limit,
    )
    return api.ListConnectionsResponse(
        Connections=[
            api.Connection(**_times(call, row), Name=row.name, AuthorizationType=row.authorization_type) for row in rows
        ],
        NextToken=token,
    )


def deauthorize_connection(call: Call, value: api.DeauthorizeConnectionRequest) -> api.DeauthorizeConnectionResponse:
    """Forget what the connection authorizes itself with; its API destinations are inactive from now on."""
    before = _find(call, "events:DeauthorizeConnection", value.Name)
    after = before._replace(state=DEAUTHORIZED, modified=call.now, parameters_sealed=None)
    call.tx.run(records.WRITE_CONNECTION, *after)
    return api.DeauthorizeConnectionResponse(**_times(call, after))


def delete_connection(call: Call, value: api.DeleteConnectionRequest) -> api.DeleteConnectionResponse:
    found = _find(call, "events:DeleteConnection", value.Name)
    call.tx.run(records.REMOVE_CONNECTION, *found[:3])
    return api.DeleteConnectionResponse(**_times(call, found._replace(state="DELETING")))
