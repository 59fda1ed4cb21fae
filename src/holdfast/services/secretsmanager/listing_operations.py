"""ListSecrets."""

from __future__ import annotations

from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.secretsmanager.descriptions import description
from holdfast.services.secretsmanager.rules import decode_stages
from holdfast.services.secretsmanager.selection import select

PAGE = 100


def list_secrets(call: Call, value: api.ListSecretsRequest) -> api.ListSecretsResponse:
    """A page of the account's secrets in this Region; it may be short, and then has a token."""
    call.authorize("secretsmanager:ListSecrets", "*")
    secrets, token = select(
        call,
        "ListSecrets",
        value.Filters,
        limit=value.MaxResults or PAGE,
        token=value.NextToken,
        deleted=bool(value.IncludePlannedDeletion),
        sort_by=value.SortBy,
        order=value.SortOrder,
    )
    entries = [
        api.SecretListEntry(**description(call, secret), SecretVersionsToStages=decode_stages(secret.stages) or None)
        for secret in secrets
    ]
    return api.ListSecretsResponse(SecretList=entries, NextToken=token)
