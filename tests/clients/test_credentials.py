"""Roles as SDKs and the AWS CLI take them on by themselves: profiles with `role_arn`, and web identities in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session

from holdfast.testing import Account, Server
from tests.issuer import Authority, Issuer

AWS = Path(sys.executable).with_name("aws")
SECRET = "c4n4ry-of-a-role"
PROFILES = """
[profile person]
aws_access_key_id = {key}
aws_secret_access_key = {secret}

[profile deployer]
role_arn = {role}
source_profile = person
role_session_name = from-a-profile
external_id = the-one
duration_seconds = 900
"""


def _policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that may fetch the keys of a provider on this machine."""
    with Server(arguments=("--allow-private-targets",)) as server:
        yield server


@pytest.fixture
def account(server: Server) -> Iterator[Account]:
    """An account with a secret that one role may read."""
    account = server.create_account()
    account.client("secretsmanager").create_secret(Name="app/db", SecretString=SECRET)
    yield account
    account.close()


def _role(account: Account, name: str, trust: str) -> str:
    iam = account.client("iam")
    role: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    reads = _policy(Action="secretsmanager:GetSecretValue", Resource="arn:aws:secretsmanager:*:*:secret:app/*")
    iam.put_role_policy(RoleName=name, PolicyName="reads", PolicyDocument=reads)
    return role


def _environment(account: Account, home: Path, **more: str) -> dict[str, str]:
    """Nothing of this machine's credentials, and none of the account's."""
    kept = {name: value for name, value in account.environment.items() if "KEY" not in name}
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
        **kept, **more,
    }  # fmt: skip


def _aws(environment: dict[str, str], *arguments: str) -> Any:
    done = subprocess.run(
        [str(AWS), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def profiles(account: Account, tmp_path: Path) -> Path:
    """A configuration file with a user, and a role that the user takes on."""
    iam = account.client("iam")
    user = iam.create_user(UserName="person")["User"]["Arn"]
    key = iam.create_access_key(UserName="person")["AccessKey"]
    condition = {"StringEquals": {"sts:ExternalId": "the-one"}}
    role = _role(account, "deployer", _policy(Principal={"AWS": user}, Action="sts:AssumeRole", Condition=condition))
    file = tmp_path / "config"
    file.write_text(PROFILES.format(key=key["AccessKeyId"], secret=key["SecretAccessKey"], role=role))
    return file


def test_a_profile_of_the_cli(account: Account, profiles: Path, tmp_path: Path) -> None:
    environment = _environment(account, tmp_path, AWS_CONFIG_FILE=str(profiles), AWS_PROFILE="deployer")
    identity = _aws(environment, "sts", "get-caller-identity")
    assert identity["Arn"] == f"arn:aws:sts::{account.account}:assumed-role/deployer/from-a-profile"
    read = _aws(environment, "secretsmanager", "get-secret-value", "--secret-id", "app/db")
    assert read["SecretString"] == SECRET


def _session(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Session:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Session()


def _reads(session: Session, arn: str) -> None:
    create: Any = session.client
    sts, secrets, ssm = create("sts"), create("secretsmanager"), create("ssm")
    assert sts.get_caller_identity()["Arn"] == arn
    assert secrets.get_secret_value(SecretId="app/db")["SecretString"] == SECRET
    with pytest.raises(ssm.exceptions.ClientError, match="no identity-based policy allows the ssm:GetParameter action"):
        ssm.get_parameter(Name="/app/db")
    for client in (sts, secrets, ssm):
        client.close()


def test_a_profile_of_boto3(account: Account, profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = _environment(account, tmp_path, AWS_CONFIG_FILE=str(profiles), AWS_PROFILE="deployer")
    session = _session(monkeypatch, environment)
    _reads(session, f"arn:aws:sts::{account.account}:assumed-role/deployer/from-a-profile")


def test_a_web_identity_in_the_environment_of_boto3(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Kubernetes gives a pod: a role's ARN, and a file with a token that is replaced while the pod runs."""
    authority = Authority(tmp_path)
    issuer = Issuer(authority)
    try:
        provider = account.client("iam").create_open_id_connect_provider(
            Url=issuer.url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[authority.thumbprint]
        )["OpenIDConnectProviderArn"]
        condition = {"StringEquals": {f"{issuer.url[8:]}:sub": "system:serviceaccount:default:app"}}
        trust = _policy(Principal={"Federated": provider}, Action="sts:AssumeRoleWithWebIdentity", Condition=condition)
        role = _role(account, "pod", trust)
        token = tmp_path / "token"
        token.write_text(issuer.token(sub="system:serviceaccount:default:app"))
        environment = _environment(
            account, tmp_path, AWS_ROLE_ARN=role, AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_SESSION_NAME="pod-1"
        )
        session = _session(monkeypatch, environment)
        _reads(session, f"arn:aws:sts::{account.account}:assumed-role/pod/pod-1")

        token.write_text(issuer.token(sub="system:serviceaccount:default:other"))
        other = _session(monkeypatch, environment)
        create: Any = other.client
        client = create("secretsmanager")
        with pytest.raises(Exception, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
            client.get_secret_value(SecretId="app/db")
        client.close()
    finally:
        issuer.close()
