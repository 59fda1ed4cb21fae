"""OpenID Connect providers, through boto3."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.api import iam as api
from holdfast.services.iam.identities import provider_of
from holdfast.testing import Account

from .conftest import ACCOUNT, House
from .refusals import refused

URL = "https://token.actions.githubusercontent.com"
THUMBPRINT = "6938fd4d98bab03faadb97b34396831e3780aea1"


def test_the_life_of_a_provider(holdfast: Account, iam: Any) -> None:
    arn = iam.create_open_id_connect_provider(
        Url=URL, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[THUMBPRINT], Tags=[{"Key": "k", "Value": "v"}]
    )["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{holdfast.account}:oidc-provider/token.actions.githubusercontent.com"
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == [{"Arn": arn}]
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["Url"], found["ClientIDList"]) == ("token.actions.githubusercontent.com", ["sts.amazonaws.com"])
    assert (found["ThumbprintList"], found["Tags"]) == ([THUMBPRINT], [{"Key": "k", "Value": "v"}])
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="never")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["a" * 40, "b" * 40])
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (found["ClientIDList"], found["ThumbprintList"]) == (["other"], ["a" * 40, "b" * 40])
    assert refused(iam.create_open_id_connect_provider, Url=URL) == (
        "EntityAlreadyExists",
        f"Provider with url {URL} already exists.",
    )
    for _ in range(2):
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert refused(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn) == (
        "NoSuchEntity",
        f"OpenIDConnect Provider not found for arn {arn}",
    )


@pytest.mark.parametrize(
    "url",
    [
        "token.example.org", "http://token.example.org", "https://token.example.org:8443", "ftp://localhost",
        "https://user@token.example.org", "https://token.example.org?x=y", "https://token.example.org/#x", "https:///x",
    ],
)  # fmt: skip
def test_urls_that_are_refused(iam: Any, url: str) -> None:
    assert refused(iam.create_open_id_connect_provider, Url=url) == (
        "ValidationError",
        "Invalid Open ID Connect Provider URL",
    )


@pytest.mark.parametrize("url", ["http://localhost:8080/realms/a", "http://127.0.0.1:1", "https://[::1]:2/x"])
def test_the_machine_itself_may_be_a_provider(iam: Any, url: str) -> None:
    arn = iam.create_open_id_connect_provider(Url=url)["OpenIDConnectProviderArn"]
    assert arn.endswith(":oidc-provider/" + url.partition("://")[2])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ThumbprintList"] == []


def test_thumbprints_and_client_ids_that_are_refused(iam: Any) -> None:
    create = iam.create_open_id_connect_provider
    assert refused(create, Url=URL, ThumbprintList=["g" * 40])[0] == "InvalidInput"
    assert refused(create, Url=URL, ThumbprintList=[f"{n:040}" for n in range(6)])[0] == "InvalidInput"
    assert refused(create, Url=URL, ClientIDList=[str(n) for n in range(101)]) == (
        "LimitExceeded",
        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
    )
    arn = create(Url=URL, ClientIDList=[str(n) for n in range(100)])["OpenIDConnectProviderArn"]
    add = iam.add_client_id_to_open_id_connect_provider
    assert refused(add, OpenIDConnectProviderArn=arn, ClientID="more")[0] == "LimitExceeded"


def test_arns_that_are_refused(holdfast: Account, iam: Any) -> None:
    get = iam.get_open_id_connect_provider
    assert refused(get, OpenIDConnectProviderArn=f"arn:aws:iam::{holdfast.account}:role/x")[0] == "InvalidInput"
    theirs = "arn:aws:iam::210987654321:oidc-provider/token.example.org"
    assert refused(get, OpenIDConnectProviderArn=theirs)[0] == "AccessDenied"


def test_an_issuer_is_exactly_the_url(house: House) -> None:
    for url in ("https://a.example.org/", "https://b.example.org"):
        house.call(api.CreateOpenIDConnectProvider, api.CreateOpenIDConnectProviderRequest(Url=url))
    with house.transaction(writable=False) as tx:
        found = provider_of(tx, ACCOUNT, "https://a.example.org/")
        assert found is not None
        assert found.url == "https://a.example.org/"
        for url in ("https://a.example.org", "http://b.example.org", "https://B.example.org", "https://b.example.org/"):
            assert provider_of(tx, ACCOUNT, url) is None
        assert provider_of(tx, "210987654321", "https://b.example.org") is None
