"""The root user's own sessions through boto3: GetSessionToken, GetCallerIdentity, GetAccessKeyInfo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from botocore.config import Config

from holdfast.testing import Account, Server
from tests.services.sts.conftest import Session
from tests.services.sts.refusals import refused


def test_a_session_of_the_root_user(holdfast: Account, session: Session) -> None:
    answer = holdfast.client("sts").get_session_token()
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert len(credentials["SecretAccessKey"]) == 40
    assert len(credentials["SessionToken"]) == answer["SessionTokenSize"]
    left = credentials["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)

    client = session(holdfast, credentials, "sts")
    identity = client.get_caller_identity()
    assert (identity["UserId"], identity["Arn"]) == (holdfast.account, f"arn:aws:iam::{holdfast.account}:root")
    secrets = session(holdfast, credentials, "secretsmanager")
    secrets.create_secret(Name="from-a-session", SecretString="x")
    assert secrets.get_secret_value(SecretId="from-a-session")["SecretString"] == "x"


def test_a_session_gets_no_session(holdfast: Account, session: Session) -> None:
    credentials = holdfast.client("sts").get_session_token()["Credentials"]
    client = session(holdfast, credentials, "sts")
    expected = ("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    assert refused(client.get_session_token) == expected
    assert refused(client.get_access_key_info, AccessKeyId=credentials["AccessKeyId"])[0] == "AccessDenied"


@pytest.mark.parametrize(("seconds", "lasts"), [(900, 900), (3600, 3600), (129_600, 3600)])
def test_durations_of_the_root_user(holdfast: Account, seconds: int, lasts: int) -> None:
    answer = holdfast.client("sts").get_session_token(DurationSeconds=seconds)
    left = (answer["Credentials"]["Expiration"] - datetime.now(UTC)).total_seconds()
    assert lasts - 30 < left <= lasts


@pytest.mark.parametrize("seconds", [899, 129_601])
def test_durations_that_are_refused(holdfast: Account, seconds: int) -> None:
    client = holdfast.client("sts", config=Config(parameter_validation=False))
    code, text, _ = refused(client.get_session_token, DurationSeconds=seconds)
    assert code == "ValidationError"
    assert "'durationSeconds' failed to satisfy constraint" in text


def test_nobody_has_a_device(holdfast: Account) -> None:
    code, text, status = refused(
        holdfast.client("sts").get_session_token,
        SerialNumber=f"arn:aws:iam::{holdfast.account}:mfa/root",
        TokenCode="123456",
    )
    assert (code, status) == ("AccessDenied", 403)
    assert text.startswith("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify")


def test_a_longer_token_on_request(holdfast: Account, session: Session) -> None:
    answer = holdfast.client("sts").get_session_token(MinimumSessionTokenSize=4096)
    assert answer["SessionTokenSize"] == len(answer["Credentials"]["SessionToken"]) >= 4096
    assert answer["SessionTokenUtilization"] == 100
    session(holdfast, answer["Credentials"], "sts").get_caller_identity()


UNRECOGNIZED = ("InvalidClientTokenId", "The security token included in the request is invalid.", 403)


def _other(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


@pytest.mark.parametrize("change", ["no token", "changed", "forged", "another key id"])
def test_tokens_that_were_not_issued(holdfast: Account, session: Session, change: str) -> None:
    credentials = holdfast.client("sts").get_session_token()["Credentials"]
    token = credentials["SessionToken"]
    if change == "another key id":
        credentials["AccessKeyId"] = _other(credentials["AccessKeyId"])
    else:
        credentials["SessionToken"] = {"no token": None, "changed": _other(token), "forged": "forged"}[change]
    assert refused(session(holdfast, credentials, "sts").get_caller_identity) == UNRECOGNIZED
    code, _, status = refused(session(holdfast, credentials, "secretsmanager").list_secrets)
    assert (code, status) == ("UnrecognizedClientException", 400)


def test_a_wrong_secret_beside_a_good_token(holdfast: Account, session: Session) -> None:
    credentials = holdfast.client("sts").get_session_token()["Credentials"]
    client = session(holdfast, {**credentials, "SecretAccessKey": "x" * 40}, "sts")
    assert refused(client.get_caller_identity)[0] == "SignatureDoesNotMatch"


def test_the_token_beside_a_long_term_key(holdfast: Account, session: Session) -> None:
    credentials = holdfast.client("sts").get_session_token()["Credentials"]
    mixed = {
        "AccessKeyId": holdfast.access_key_id,
        "SecretAccessKey": holdfast.secret_access_key,
        "SessionToken": credentials["SessionToken"],
    }
    assert refused(session(holdfast, mixed, "sts").get_caller_identity) == UNRECOGNIZED


def test_tokens_outlive_the_server_process(holdfast_server: Server, session: Session) -> None:
    credentials = holdfast_server.client("sts").get_session_token()["Credentials"]
    holdfast_server.stop()
    holdfast_server.start()
    account = holdfast_server.home
    assert session(account, credentials, "sts").get_caller_identity()["Account"] == account.account


def test_moving_service_time_ends_no_session(holdfast_server: Server, session: Session) -> None:
    """Clients compare Expiration with their own clock, so both follow wall time."""
    account = holdfast_server.home
    credentials = account.client("sts").get_session_token()["Credentials"]
    holdfast_server.advance(days=2)
    session(account, credentials, "sts").get_caller_identity()
    later = account.client("sts").get_session_token()["Credentials"]["Expiration"]
    assert later - datetime.now(UTC) <= timedelta(hours=1)


def test_accounts_of_access_keys(holdfast: Account, holdfast_session_server: Server) -> None:
    client = holdfast.client("sts")
    other = holdfast_session_server.create_account()
    temporary = other.client("sts").get_session_token()["Credentials"]["AccessKeyId"]
    for key_id, account in (
        (holdfast.access_key_id, holdfast.account),
        (other.access_key_id, other.account),
        (temporary, other.account),
    ):
        assert client.get_access_key_info(AccessKeyId=key_id)["Account"] == account
    other.close()
    assert refused(client.get_access_key_info, AccessKeyId="AKIAQAAAAAAAAAAAAAAA")[0] == "ValidationError"
    assert refused(client.get_access_key_info, AccessKeyId="ASIAQAAAAAAAAAAAAAAA")[0] == "ValidationError"


def test_a_presigned_identity_of_a_session(holdfast: Account, session: Session) -> None:
    """What EKS and Vault take as proof: a URL, with the token in its query."""
    import json
    import urllib.request

    credentials = holdfast.client("sts").get_session_token()["Credentials"]
    client = session(holdfast, credentials, "sts")
    url = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    with urllib.request.urlopen(request) as answer:
        identity = json.load(answer)["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
    assert identity["Account"] == holdfast.account


def test_the_root_user_assumes_no_role(holdfast: Account) -> None:
    arn = f"arn:aws:iam::{holdfast.account}:role/anything"
    assert refused(holdfast.client("sts").assume_role, RoleArn=arn, RoleSessionName="me") == (
        "AccessDenied",
        "Roles may not be assumed by root accounts.",
        403,
    )
