"""CreateApiDestination, UpdateApiDestination, DescribeApiDestination, ListApiDestinations, DeleteApiDestination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.api import events as api
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.arn import Arn, parse_arn
from holdfast.services.events import connection_records as records
from holdfast.services.events.connection_operations import arn_of
from holdfast.services.events.connection_records import API_DESTINATION, AUTHORIZED, Destination
from holdfast.services.events.pages import filtered_page

if TYPE_CHECKING:
    from holdfast.services.call import Call

RATE_LIMIT = 300
"""Invocations in a second where none is given (API reference, CreateApiDestination)."""


def _find(call: Call, action: str, name: str | None) -> Destination:
    call.authorize(action, arn_of(call, API_DESTINATION, name))
    found = records.read_destination(call.tx, call.account, call.region, name or "")
    if found is None:
        raise api.ResourceNotFoundException(
            f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
        )
    return found


def _check_endpoint(endpoint: str | None) -> str:
    """AWS takes https only. Here plain http is for receivers in one's own network."""
    scheme, _, rest = (endpoint or "").partition("://")
    host = rest.partition("/")[0]
    if scheme not in ("https", "http") or not host or "@" in host:
        raise ValidationException("Parameter InvocationEndpoint is not valid. Reason: It must be an HTTPS address.")
    return endpoint or ""


def _own_connection(call: Call, text: str | None) -> Arn:
    """A connection of the caller's own account and Region: through any other one, somebody else's credentials would be
    sent wherever the caller likes."""
    arn = parse_arn(text or "")
    if arn is None or (arn.account, arn.region) != (call.account, call.region):
        raise AccessDeniedException(f"The connection '{text}' is not one of this account and Region.")
    return arn


def _existing(call: Call, arn: Arn) -> str:
    text = str(arn)
    if records.connection_at(call.tx, text) is None:
        raise api.ResourceNotFoundException(f"Connection '{text}' does not exist.")
    return text


def create_api_destination(call: Call, value: api.CreateApiDestinationRequest) -> api.CreateApiDestinationResponse:
    call.authorize("events:CreateApiDestination", arn_of(call, API_DESTINATION, value.Name))
    assert value.Name is not None
    endpoint = _check_endpoint(value.InvocationEndpoint)
    own = _own_connection(call, value.ConnectionArn)
    call.authorize("events:CreateApiDestination", str(own).rpartition("/")[0])
    connection = _existing(call, own)
    if records.read_destination(call.tx, call.account, call.region, value.Name) is not None:
        raise api.ResourceAlreadyExistsException(f"An api-destination '{value.Name}' already exists.")
    made = Destination(
        call.account,
        call.region,
        value.Name,
        destination_id=call.randomness.uuid4(),
        description=value.Description or "",
        connection=connection,
        endpoint=endpoint,
        method=value.HttpMethod or "POST",
        rate_limit=value.InvocationRateLimitPerSecond or RATE_LIMIT,
        created=call.now,
        modified=call.now,
    )
    call.tx.run(records.WRITE_DESTINATION, *made)
    return api.CreateApiDestinationResponse(**_times(call, made))


def update_api_destination(call: Call, value: api.UpdateApiDestinationRequest) -> api.UpdateApiDestinationResponse:
    before = _find(call, "events:UpdateApiDestination", value.Name)
    connection = before.connection
    if value.ConnectionArn is not None:
        connection = _existing(call, _own_connection(call, value.ConnectionArn))
    endpoint = before.endpoint if value.InvocationEndpoint is None else _check_endpoint(value.InvocationEndpoint)
    after = before._replace(
        description=before.description if value.Description is None else value.Description,
        connection=connection,
        endpoint=endpoint,
        method=value.HttpMethod or before.method,
        rate_limit=value.InvocationRateLimitPerSecond or before.rate_limit,
        modified=call.now,
    )
    call.tx.run(records.WRITE_DESTINATION, *after)
    return api.UpdateApiDestinationResponse(**_times(call, after))


def _times(call: Call, found: Destination) -> dict[str, Any]:
    connection = records.connection_at(call.tx, found.connection)
    active = connection is not None and connection.state == AUTHORIZED
    return {
        "ApiDestinationArn": found.arn(call.partition),
        "ApiDestinationState": "ACTIVE" if active else "INACTIVE",
        "CreationTime": found.created / 1000,
        "LastModifiedTime": found.modified / 1000,
    }


def _shown(call: Call, found: Destination) -> dict[str, Any]:
    return {
        **_times(call, found),
        "Name": found.name,
        "ConnectionArn": found.connection,
        "InvocationEndpoint": found.endpoint,
        "HttpMethod": found.method,
        "InvocationRateLimitPerSecond": found.rate_limit,
    }


def describe_api_destination(
    call: Call, value: api.DescribeApiDestinationRequest
) -> api.DescribeApiDestinationResponse:
    found = _find(call, "events:DescribeApiDestination", value.Name)
    return api.DescribeApiDestinationResponse(**_shown(call, found), Description=found.description or None)


def list_api_destinations(call: Call, value: api.ListApiDestinationsRequest) -> api.ListApiDestinationsResponse:
    call.authorize("events:ListApiDestinations", "*")
    rows, token = filtered_page(
        call,
        records.LIST_DESTINATIONS,
        Destination,
        "ListApiDestinations",
        value.NamePrefix,
        value.ConnectionArn,
        value.NextToken,
        value.Limit,
    )
    return api.ListApiDestinationsResponse(
        ApiDestinations=[api.ApiDestination(**_shown(call, row)) for row in rows], NextToken=token
    )


def delete_api_destination(call: Call, value: api.DeleteApiDestinationRequest) -> api.DeleteApiDestinationResponse:
    found = _find(call, "events:DeleteApiDestination", value.Name)
    call.tx.run(records.REMOVE_DESTINATION, *found[:3])
    return api.DeleteApiDestinationResponse()
