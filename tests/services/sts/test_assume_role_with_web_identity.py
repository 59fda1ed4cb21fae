"""AssumeRoleWithWebIdentity against an OpenID Connect provider that runs in the test: HTTPS under an unknown authority,
trusted by thumbprint, with keys that rotate."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from holdfast.testing import Account, Server
from tests.issuer import Authority, Issuer, SigningKey, under_public_key, without_signature
from tests.services.sts.conftest import Session, allow, new_role, trust
from tests.services.sts.refusals import refused
from tests.stored_records import stored_records

NO_KEY = (
    "InvalidIdentityToken",
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements",
    400,
)
DENIED = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
ACTION = "sts:AssumeRoleWithWebIdentity"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that may reach loopback addresses."""
    with Server(arguments=("--allow-private-targets",)) as server:
        yield server


@pytest.fixture
def account(server: Server) -> Iterator[Account]:
    account = server.create_account()
    yield account
    account.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def issuer(authority: Authority) -> Iterator[Issuer]:
    issuer = Issuer(authority)
    yield issuer
    issuer.close()


@pytest.fixture
def anonymous(account: Account) -> Any:
    """A client without credentials, as a pod or a workflow has it."""
    return account.client("sts", config=Config(signature_version=UNSIGNED))


def name_of(issuer: Issuer) -> str:
    return issuer.url.partition("://")[2]


def provider(account: Account, issuer: Issuer, authority: Authority, *client_ids: str) -> str:
    """The account trusts the issuer; the provider's ARN."""
    arn: str = account.client("iam").create_open_id_connect_provider(
        Url=issuer.url, ClientIDList=list(client_ids or ("sts.amazonaws.com",)), ThumbprintList=[authority.thumbprint]
    )["OpenIDConnectProviderArn"]
    return arn


def role_for(account: Account, arn: str, policy: str = "", name: str = "Workload", **more: Any) -> str:
    return new_role(account, name, trust({"Federated": arn}, ACTION, **more), policy)


def assume(client: Any, role: str, token: str, **options: Any) -> dict[str, Any]:
    return client.assume_role_with_web_identity(RoleArn=role, RoleSessionName="pod", WebIdentityToken=token, **options)


def test_a_workload_signs_in(
    account: Account, issuer: Issuer, authority: Authority, anonymous: Any, session: Session
) -> None:
    arn = provider(account, issuer, authority)
    name = name_of(issuer)
    condition = {
        "StringEquals": {f"{name}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{name}:sub": "system:serviceaccount:default:*"},
    }
    role = role_for(account, arn, allow("secretsmanager:*", "kms:*"), Condition=condition)
    answer = assume(anonymous, role, issuer.token())
    assert answer["SubjectFromWebIdentityToken"] == "system:serviceaccount:default:app"
    assert (answer["Provider"], answer["Audience"]) == (arn, "sts.amazonaws.com")
    identity = f"arn:aws:sts::{account.account}:assumed-role/Workload/pod"
    assert answer["AssumedRoleUser"]["Arn"] == identity
    credentials = answer["Credentials"]
    assert 3570 < (credentials["Expiration"] - datetime.now(UTC)).total_seconds() <= 3600
    assert session(account, credentials, "sts").get_caller_identity()["Arn"] == identity
    secrets = session(account, credentials, "secretsmanager")
    secrets.create_secret(Name="of-a-pod", SecretString="x")
    assert secrets.get_secret_value(SecretId="of-a-pod")["SecretString"] == "x"

    assert (
        refused(assume, client=anonymous, role=role, token=issuer.token(sub="system:serviceaccount:other:app"))
        == DENIED
    )
    # Keys are fetched once.
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_the_web_identity_provider_of_an_sdk(
    account: Account, issuer: Issuer, authority: Authority, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs in a pod: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, and nothing else."""
    from boto3.session import Session as BotoSession

    role = role_for(account, provider(account, issuer, authority), allow("ssm:*"))
    token = tmp_path / "token"
    token.write_text(issuer.token())
    for name, value in {
        "AWS_ENDPOINT_URL": account.endpoint_url, "AWS_REGION": account.region, "AWS_DEFAULT_REGION": account.region,
        "AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    create: Any = BotoSession().client
    client = create("ssm")
    client.put_parameter(Name="/x", Value="1", Type="String")
    assert client.get_parameter(Name="/x")["Parameter"]["Value"] == "1"
    client.close()


@pytest.mark.parametrize("algorithm", ["RS512", "ES256", "ES384"])
def test_other_algorithms(account: Account, authority: Authority, anonymous: Any, algorithm: str) -> None:
    issuer = Issuer(authority, algorithm)
    try:
        assume(anonymous, role_for(account, provider(account, issuer, authority)), issuer.token())
    finally:
        issuer.close()


def test_keys_that_rotate(account: Account, issuer: Issuer, authority: Authority, anonymous: Any) -> None:
    role = role_for(account, provider(account, issuer, authority))
    old = issuer.token()
    assume(anonymous, role, old)
    issuer.rotate()
    assume(anonymous, role, issuer.token())
    assert issuer.asked.count("/keys") == 2
    # The old key is gone with the new set, and nobody makes the server ask again and again.
    for _ in range(5):
        assert refused(assume, client=anonymous, role=role, token=old) == NO_KEY
    assert issuer.asked.count("/keys") == 2


def test_tokens_that_prove_nothing(account: Account, issuer: Issuer, authority: Authority, anonymous: Any) -> None:
    role = role_for(account, provider(account, issuer, authority))
    claims = issuer.claims()
    stranger = SigningKey("RS256", "first")
    for token in (stranger.token(claims), issuer.token()[:-6] + "AAAAAA", stranger.token(claims, jwk=stranger.jwk)):
        assert refused(assume, client=anonymous, role=role, token=token) == NO_KEY
    for token in (without_signature(claims), under_public_key(issuer.key, claims), "abc.def.ghi", "not a token"):
        code, _, status = refused(assume, client=anonymous, role=role, token=token)
        assert (code, status) == ("InvalidIdentityToken", 400)


def test_claims_that_do_not_fit(account: Account, issuer: Issuer, authority: Authority, anonymous: Any) -> None:
    role = role_for(account, provider(account, issuer, authority))
    past = int(time.time()) - 1
    code, text, status = refused(assume, client=anonymous, role=role, token=issuer.token(exp=past))
    assert (code, status) == ("ExpiredTokenException", 400)
    assert text.startswith("Token expired: current date/time ")
    assert text.endswith(f" must be before the expiration date/time {past}")
    assert refused(assume, client=anonymous, role=role, token=issuer.token(aud="somebody-else")) == (
        "InvalidIdentityToken",
        "Incorrect token audience",
        400,
    )
    code, text, _ = refused(assume, client=anonymous, role=role, token=issuer.token(nbf=int(time.time()) + 4000))
    assert (code, "nbf" in text) == ("InvalidIdentityToken", True)
    code, text, _ = refused(assume, client=anonymous, role=role, token=issuer.token(sub=None))
    assert (code, text) == ("InvalidIdentityToken", "Missing a required claim: sub")
    other = "https://elsewhere.example"
    assert refused(assume, client=anonymous, role=role, token=issuer.token(iss=other)) == (
        "InvalidIdentityToken",
        f"No OpenIDConnect provider found in your account for {other}",
        400,
    )


def test_who_is_not_trusted(account: Account, issuer: Issuer, authority: Authority, anonymous: Any) -> None:
    arn = provider(account, issuer, authority)
    token = issuer.token()
    another = f"arn:aws:iam::{account.account}:oidc-provider/elsewhere.example"
    for role in (
        role_for(account, another, name="another"),
        new_role(account, "plain", trust({"AWS": "*"})),
        new_role(account, "assumed", trust({"Federated": arn}, "sts:AssumeRole")),
        f"arn:aws:iam::{account.account}:role/missing",
    ):
        assert refused(assume, client=anonymous, role=role, token=token) == DENIED


def test_a_provider_of_another_account(
    account: Account, server: Server, issuer: Issuer, authority: Authority, anonymous: Any
) -> None:
    """Trust belongs to the role's account: it must have the provider itself."""
    other = server.create_account()
    role = role_for(other, provider(account, issuer, authority))
    code, text, _ = refused(assume, client=anonymous, role=role, token=issuer.token())
    assert (code, text.startswith("No OpenIDConnect provider found")) == ("InvalidIdentityToken", True)
    other.close()


def test_session_policies_tags_and_source_identity(
    account: Account, issuer: Issuer, authority: Authority, anonymous: Any, session: Session
) -> None:
    arn = provider(account, issuer, authority)
    token = issuer.token(**{
        "https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]},
        "https://aws.amazon.com/source_identity": "octocat",
    })  # fmt: skip
    plain = role_for(account, arn, name="plain")
    assert refused(assume, client=anonymous, role=plain, token=token) == (
        "AccessDenied", "Not authorized to perform sts:TagSession", 403,
    )  # fmt: skip
    of_team = allow(
        "ssm:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue", "aws:SourceIdentity": "octocat"}}
    )
    role = new_role(
        account, "tagged", trust({"Federated": arn}, ACTION, "sts:TagSession", "sts:SetSourceIdentity"), of_team
    )
    answer = assume(anonymous, role, token, Policy=allow("ssm:DescribeParameters"), DurationSeconds=900)
    assert answer["SourceIdentity"] == "octocat"
    assert answer["PackedPolicySize"] > 0
    ssm = session(account, answer["Credentials"], "ssm")
    ssm.describe_parameters()
    assert refused(ssm.get_parameter, Name="/x")[0] == "AccessDeniedException"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys"])
@pytest.mark.parametrize(
    "page",
    [
        (404, {}, b""),
        (302, {"Location": "/elsewhere"}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"{}"),
        (200, {}, b'{"keys": []}'),
        (200, {}, b"x" * 300_000),
        (200, {}, b'{"issuer": "https://other.example", "jwks_uri": "https://other.example/keys"}'),
    ],
    ids=["missing", "redirect", "html", "empty", "no keys", "long", "other issuer"],
)
def test_a_provider_that_answers_nonsense(
    account: Account, issuer: Issuer, authority: Authority, anonymous: Any, path: str, page: Any
) -> None:
    role = role_for(account, provider(account, issuer, authority))
    issuer.pages[path] = page
    assert refused(assume, client=anonymous, role=role, token=issuer.token()) == NO_KEY


@pytest.mark.parametrize("gone", ["role", "provider", "trust"])
def test_what_changed_while_the_keys_were_fetched_counts(
    account: Account, issuer: Issuer, authority: Authority, anonymous: Any, gone: str
) -> None:
    arn = provider(account, issuer, authority)
    role = role_for(account, arn)
    iam = account.client("iam")
    keys = json.dumps({"keys": [issuer.key.jwk]}).encode()

    def change(handler: BaseHTTPRequestHandler) -> None:
        if gone == "role":
            iam.delete_role(RoleName="Workload")
        elif gone == "provider":
            iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        else:
            iam.update_assume_role_policy(RoleName="Workload", PolicyDocument=trust({"AWS": "*"}))
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(keys), keys))

    issuer.pages["/keys"] = change
    answer = refused(assume, client=anonymous, role=role, token=issuer.token())
    if gone == "provider":
        assert answer[0] == "InvalidIdentityToken"
        assert answer[1].startswith("No OpenIDConnect provider found")
    else:
        assert answer == DENIED


def test_keys_over_plain_http_are_not_taken(
    account: Account, issuer: Issuer, authority: Authority, anonymous: Any
) -> None:
    role = role_for(account, provider(account, issuer, authority))
    plain = Issuer(None)
    plain.key = issuer.key
    configuration = {"issuer": issuer.url, "jwks_uri": f"{plain.url}/keys"}
    issuer.pages["/.well-known/openid-configuration"] = (200, {}, json.dumps(configuration).encode())
    try:
        assert refused(assume, client=anonymous, role=role, token=issuer.token()) == NO_KEY
        assert plain.asked == []
    finally:
        plain.close()


def test_an_authority_that_no_thumbprint_names(account: Account, issuer: Issuer, anonymous: Any) -> None:
    arn = account.client("iam").create_open_id_connect_provider(
        Url=issuer.url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
    )["OpenIDConnectProviderArn"]
    assert refused(assume, client=anonymous, role=role_for(account, arn), token=issuer.token()) == NO_KEY
    assert issuer.asked == []


def test_a_provider_that_is_down(account: Account, authority: Authority) -> None:
    issuer = Issuer(authority)
    role = role_for(account, provider(account, issuer, authority))
    issuer.close()
    # SDKs try this one again.
    client = account.client("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
    code, text, status = refused(assume, client=client, role=role, token=issuer.token())
    assert (code, status) == ("IDPCommunicationError", 400)
    assert "Could not reach the identity provider" in text


def test_private_addresses_are_not_reached_unless_asked_for(
    holdfast: Account, issuer: Issuer, authority: Authority
) -> None:
    role = role_for(holdfast, provider(holdfast, issuer, authority))
    client = holdfast.client("sts", config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}))
    code, text, _ = refused(assume, client=client, role=role, token=issuer.token())
    assert code == "IDPCommunicationError"
    assert text.endswith("its address is not a public one")
    assert issuer.asked == []


def test_a_signature_is_not_looked_at(account: Account, issuer: Issuer, authority: Authority) -> None:
    """Some clients sign what needs no signature, with whatever they have."""
    role = role_for(account, provider(account, issuer, authority))
    body = (
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=pod"
        f"&RoleArn={role}&WebIdentityToken={issuer.token()}"
    )
    place = account.endpoint_url.removeprefix("http://")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "AWS4-HMAC-SHA256 nonsense"}
    connection = http.client.HTTPConnection(place)
    connection.request("POST", "/", body, headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    response.read()
    # No other operation is served without one.
    connection.request("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", headers)
    assert connection.getresponse().status == 400
    connection.close()


def test_with_saml_is_absent_by_name_though_nobody_signed(holdfast: Account) -> None:
    anonymous = holdfast.client("sts", config=Config(signature_version=UNSIGNED))
    arn = f"arn:aws:iam::{holdfast.account}"
    named = {"RoleArn": f"{arn}:role/web", "PrincipalArn": f"{arn}:saml-provider/own", "SAMLAssertion": "PHNhbWw+"}
    for client in (anonymous, holdfast.client("sts")):
        answer = refused(client.assume_role_with_saml, **named)
        assert answer == ("NotImplemented", "Holdfast does not implement sts:AssumeRoleWithSAML yet.", 400)


def test_who_was_proven_is_on_record_and_nobody_else(issuer: Issuer, authority: Authority, tmp_path: Path) -> None:
    server = Server(tmp_path / "data", arguments=("--allow-private-targets",)).start()
    account = server.home
    anonymous = account.client("sts", config=Config(signature_version=UNSIGNED))
    arn = provider(account, issuer, authority)
    role = role_for(account, arn)
    token = issuer.token()
    key_id = assume(anonymous, role, token)["Credentials"]["AccessKeyId"]
    refused(assume, client=anonymous, role=role, token=issuer.token(exp=1))
    refused(assume, client=anonymous, role=role, token=SigningKey("RS256", "first").token(issuer.claims()))
    refused(assume, client=anonymous, role=role, token="nonsense")
    server.close()
    written = stored_records(server.directory, account.account)
    records = [record for record in written if record["eventName"] == "AssumeRoleWithWebIdentity"]
    assert [r.get("errorCode") for r in records] == [None, "ExpiredTokenException"]
    first = records[0]
    assert first["userIdentity"] == {
        "type": "WebIdentityUser",
        "principalId": f"{arn}:system:serviceaccount:default:app",
        "userName": "system:serviceaccount:default:app",
        "identityProvider": arn,
    }
    assert first["recipientAccountId"] == account.account
    assert first["responseElements"]["credentials"]["accessKeyId"] == key_id
    assert token not in json.dumps(written)
