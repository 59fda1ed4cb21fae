"""OpenID Connect providers, in the model's order.

IAM fetches nothing here: where AWS looks up a thumbprint that was not given, none is kept, and STS trusts the
provider's certificate only if a known authority vouches for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import account_records, rules
from holdfast.services.iam.owners import NOTHING
from holdfast.services.iam.shapes import tag_list
from holdfast.services.stored_tags import encode_tags, request_context, resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.iam.account_records import Provider
    from holdfast.services.iam.owners import Context

COUNT = "Providers"


def _arn(call: Call, name: str) -> str:
    return rules.arn_of(call.partition, call.account, "oidc-provider", "/", name)


def find_provider(call: Call, arn: str | None, action: str, context: Context = NOTHING) -> Provider:
    """A provider of the account; InvalidInput, AccessDenied, NoSuchEntity."""
    assert arn is not None
    account, name = rules.provider_name(arn)
    provider = account_records.read_provider(call.tx, call.account, name) if account == call.account else None
    tags = {} if provider is None else resource_context(provider.tags)
    call.authorize(action, arn, {**tags, **context}, owner=account)
    if provider is None:
        raise rules.provider_not_found(arn)
    return provider


def add_client_id_to_open_id_connect_provider(
    call: Call, value: iam.AddClientIDToOpenIDConnectProviderRequest
) -> iam.AddClientIDToOpenIDConnectProviderOutput:
    """Take tokens for another audience; one that is there is no error."""
    assert value.ClientID is not None
    provider = find_provider(call, value.OpenIDConnectProviderArn, "iam:AddClientIDToOpenIDConnectProvider")
    client_ids = account_records.strings_of(provider.client_ids)
    if value.ClientID not in client_ids:
        rules.check_quota("ClientIdsPerOpenIdConnectProvider", len(client_ids))
        text = json.dumps([*client_ids, value.ClientID])
        call.tx.run(account_records.WRITE_CLIENT_IDS, text, call.account, provider.name)
    return iam.AddClientIDToOpenIDConnectProviderOutput()


def create_open_id_connect_provider(
    call: Call, value: iam.CreateOpenIDConnectProviderRequest
) -> iam.CreateOpenIDConnectProviderResponse:
    """Trust an issuer of tokens; roles still have to let its subjects in."""
    assert value.Url is not None
    name = rules.provider_of_url(value.Url)
    tags = rules.given_tags(value.Tags)
    arn, context = _arn(call, name), request_context(tags)
    call.authorize("iam:CreateOpenIDConnectProvider", arn, context)
    if tags:
        call.authorize("iam:TagOpenIDConnectProvider", arn, context)
    client_ids = list(dict.fromkeys(value.ClientIDList or ()))
    if len(client_ids) > rules.QUOTAS["ClientIdsPerOpenIdConnectProvider"]:
        raise rules.exceeded("ClientIdsPerOpenIdConnectProvider")
    thumbprints = rules.check_thumbprints(value.ThumbprintList or ())
    if account_records.read_provider(call.tx, call.account, name) is not None:
        raise iam.EntityAlreadyExistsException(f"Provider with url {value.Url} already exists.")
    present = account_records.count_of(call.tx, call.account, COUNT)
    rules.check_quota("OpenIdConnectProvidersPerAccount", present)
    call.tx.run(
        account_records.INSERT_PROVIDER,
        call.account,
        name,
        value.Url,
        call.now,
        json.dumps(client_ids),
        json.dumps(thumbprints),
        encode_tags(tags),
    )
    call.tx.run(account_records.COUNT, call.account, COUNT)
    return iam.CreateOpenIDConnectProviderResponse(
        OpenIDConnectProviderArn=arn, Tags=tag_list(encode_tags(tags)) or None
    )


def delete_open_id_connect_provider(
    call: Call, value: iam.DeleteOpenIDConnectProviderRequest
) -> iam.DeleteOpenIDConnectProviderOutput:
    """Trust an issuer no more; one that is not there is no error (API reference: "does not fail")."""
    assert value.OpenIDConnectProviderArn is not None
    try:
        provider = find_provider(call, value.OpenIDConnectProviderArn, "iam:DeleteOpenIDConnectProvider")
    except iam.NoSuchEntityException:
        return iam.DeleteOpenIDConnectProviderOutput()
    call.tx.run(account_records.DELETE_PROVIDER, call.account, provider.name)
    call.tx.run(account_records.UNCOUNT, call.account, COUNT)
    return iam.DeleteOpenIDConnectProviderOutput()


def get_open_id_connect_provider(
    call: Call, value: iam.GetOpenIDConnectProviderRequest
) -> iam.GetOpenIDConnectProviderResponse:
    """A provider; its URL without the scheme, as AWS answers it."""
    provider = find_provider(call, value.OpenIDConnectProviderArn, "iam:GetOpenIDConnectProvider")
    return iam.GetOpenIDConnectProviderResponse(
        Url=provider.name,
        ClientIDList=account_records.strings_of(provider.client_ids),
        ThumbprintList=account_records.strings_of(provider.thumbprints),
        CreateDate=rules.seconds(provider.created),
        Tags=tag_list(provider.tags),
    )


def list_open_id_connect_providers(
    call: Call, value: iam.ListOpenIDConnectProvidersRequest
) -> iam.ListOpenIDConnectProvidersResponse:
    """The ARNs of the account's providers."""
    call.authorize("iam:ListOpenIDConnectProviders", "*")
    rows = call.tx.all(account_records.LIST_PROVIDERS, call.account)
    return iam.ListOpenIDConnectProvidersResponse(
        OpenIDConnectProviderList=[iam.OpenIDConnectProviderListEntry(Arn=_arn(call, row[0])) for row in rows]
    )


def remove_client_id_from_open_id_connect_provider(
    call: Call, value: iam.RemoveClientIDFromOpenIDConnectProviderRequest
) -> iam.RemoveClientIDFromOpenIDConnectProviderOutput:
    """Take tokens for an audience no more; one that is not there is no error."""
    provider = find_provider(call, value.OpenIDConnectProviderArn, "iam:RemoveClientIDFromOpenIDConnectProvider")
    client_ids = [found for found in account_records.strings_of(provider.client_ids) if found != value.ClientID]
    call.tx.run(account_records.WRITE_CLIENT_IDS, json.dumps(client_ids), call.account, provider.name)
    return iam.RemoveClientIDFromOpenIDConnectProviderOutput()


def update_open_id_connect_provider_thumbprint(
    call: Call, value: iam.UpdateOpenIDConnectProviderThumbprintRequest
) -> iam.UpdateOpenIDConnectProviderThumbprintOutput:
    """Other thumbprints, in the place of all that were there."""
    provider = find_provider(call, value.OpenIDConnectProviderArn, "iam:UpdateOpenIDConnectProviderThumbprint")
    thumbprints = rules.check_thumbprints(value.ThumbprintList or ())
    call.tx.run(account_records.WRITE_THUMBPRINTS, json.dumps(thumbprints), call.account, provider.name)
    return iam.UpdateOpenIDConnectProviderThumbprintOutput()
