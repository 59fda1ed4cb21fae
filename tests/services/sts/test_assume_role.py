"""AssumeRole through boto3: who is let in, for how long, with what, and what the session may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config

from holdfast.testing import Account, Server
from tests.services.sts.conftest import Session, allow, new_role, new_user, root_arn, trust, user_arn
from tests.services.sts.refusals import refused
from tests.stored_records import stored_records

READ = allow("secretsmanager:*", "kms:*")


@pytest.fixture
def other(holdfast_session_server: Server) -> Iterator[Account]:
    account = holdfast_session_server.create_account()
    yield account
    account.close()


def denied(user: str, role: str, action: str = "sts:AssumeRole") -> tuple[str, str, int]:
    return "AccessDenied", f"User: {user} is not authorized to perform: {action} on resource: {role}", 403


def assume(client: Any, role: str, **options: Any) -> dict[str, Any]:
    return client.assume_role(RoleArn=role, RoleSessionName="me", **options)


# -- what one gets ------------------------------------------------------------------------------------------------------


def test_a_role_of_the_own_account(holdfast: Account, session: Session) -> None:
    alice = new_user(holdfast, "alice")
    role = new_role(holdfast, "Reader", trust({"AWS": user_arn(holdfast, "alice")}), READ, Path="/team/")
    assert role.endswith(":role/team/Reader")
    answer = assume(session(holdfast, alice, "sts"), role)
    role_id = holdfast.client("iam").get_role(RoleName="Reader")["Role"]["RoleId"]
    arn = f"arn:aws:sts::{holdfast.account}:assumed-role/Reader/me"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role_id}:me", "Arn": arn}
    assert "PackedPolicySize" not in answer
    assert "SourceIdentity" not in answer
    credentials = answer["Credentials"]
    left = credentials["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)

    identity = session(holdfast, credentials, "sts").get_caller_identity()
    assert (identity["UserId"], identity["Account"], identity["Arn"]) == (f"{role_id}:me", holdfast.account, arn)
    secrets = session(holdfast, credentials, "secretsmanager")
    secrets.create_secret(Name="of-a-role", SecretString="x")
    assert secrets.get_secret_value(SecretId="of-a-role")["SecretString"] == "x"
    assert refused(session(holdfast, credentials, "ssm").get_parameter, Name="/x") == (
        "AccessDeniedException",
        f"User: {arn} is not authorized to perform: ssm:GetParameter on resource: "
        f"arn:aws:ssm:{holdfast.region}:{holdfast.account}:parameter/x "
        "because no identity-based policy allows the ssm:GetParameter action",
        400,
    )


def test_a_session_outlives_the_server_process(holdfast_server: Server, session: Session) -> None:
    account = holdfast_server.home
    alice = new_user(account, "alice")
    role = new_role(account, "Reader", trust({"AWS": user_arn(account, "alice")}), READ)
    credentials = assume(session(account, alice, "sts"), role)["Credentials"]
    session(account, credentials, "secretsmanager").create_secret(Name="before", SecretString="x")
    holdfast_server.stop()
    holdfast_server.start()
    account = holdfast_server.home
    assert session(account, credentials, "secretsmanager").get_secret_value(SecretId="before")["SecretString"] == "x"
    # … and not the role: made again under its name it is another one.
    iam = account.client("iam")
    iam.delete_role_policy(RoleName="Reader", PolicyName="own")
    iam.delete_role(RoleName="Reader")
    expected = ("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
    client = session(account, credentials, "sts")
    assert refused(client.get_caller_identity) == expected
    new_role(account, "Reader", trust({"AWS": user_arn(account, "alice")}), READ)
    assert refused(client.get_caller_identity) == expected


# -- who is let in ------------------------------------------------------------------------------------------------------


def test_the_user_or_the_account_is_trusted(holdfast: Account, session: Session) -> None:
    """AWS: naming the user is enough; naming the account leaves it to the user's own policies."""
    alice = new_user(holdfast, "alice")
    named = new_role(holdfast, "named", trust({"AWS": user_arn(holdfast, "alice")}))
    delegated = new_role(holdfast, "delegated", trust({"AWS": root_arn(holdfast)}))
    strange = new_role(holdfast, "strange", trust({"Service": "lambda.amazonaws.com"}))
    client = session(holdfast, alice, "sts")
    assume(client, named)
    arn = user_arn(holdfast, "alice")
    assert refused(assume, client=client, role=delegated) == denied(arn, delegated)
    iam = holdfast.client("iam")
    iam.put_user_policy(UserName="alice", PolicyName="assume", PolicyDocument=allow("sts:AssumeRole"))
    assume(client, delegated)
    # The user's own policies do not open a role that does not trust.
    assert refused(assume, client=client, role=strange) == denied(arn, strange)


def test_a_role_that_does_not_exist_answers_the_same(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice", allow("sts:*")), "sts")
    real = new_role(holdfast, "Reader", trust({"AWS": root_arn(holdfast)}), Path="/team/")
    for missing in (
        "arn:aws:iam::999999999999:role/x",
        f"arn:aws:iam::{holdfast.account}:role/x",
        real.replace("/team", ""),
    ):
        assert refused(assume, client=client, role=missing) == denied(user_arn(holdfast, "alice"), missing)
    assume(client, real)


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:user/alice", "arn:aws:s3:::bucket/role/name"])
def test_what_is_no_role(holdfast: Account, arn: str) -> None:
    assert refused(assume, client=holdfast.client("sts"), role=arn) == (
        "ValidationError",
        "Request ARN is invalid",
        400,
    )


def test_across_accounts_both_sides_must_allow(holdfast: Account, other: Account, session: Session) -> None:
    alice = new_user(holdfast, "alice")
    arn = user_arn(holdfast, "alice")
    role = new_role(other, "Reader", trust({"AWS": arn}), READ)
    client = session(holdfast, alice, "sts")
    assert refused(assume, client=client, role=role) == denied(arn, role)
    iam = holdfast.client("iam")
    iam.put_user_policy(UserName="alice", PolicyName="own", PolicyDocument=allow("sts:AssumeRole", resource=role))
    credentials = assume(client, role)["Credentials"]
    assert session(other, credentials, "sts").get_caller_identity()["Account"] == other.account
    session(other, credentials, "secretsmanager").create_secret(Name="theirs", SecretString="x")
    assert other.client("secretsmanager").describe_secret(SecretId="theirs")["Name"] == "theirs"
    other.client("iam").update_assume_role_policy(
        RoleName="Reader", PolicyDocument=trust({"AWS": root_arn(other)}, "sts:AssumeRole")
    )
    assert refused(assume, client=client, role=role) == denied(arn, role)


def test_an_external_id(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    condition = {"StringEquals": {"sts:ExternalId": "the-one"}}
    role = new_role(holdfast, "Reader", trust({"AWS": user_arn(holdfast, "alice")}, Condition=condition))
    expected = denied(user_arn(holdfast, "alice"), role)
    assert refused(assume, client=client, role=role) == expected
    assert refused(assume, client=client, role=role, ExternalId="another") == expected
    assume(client, role, ExternalId="the-one")


def test_an_explicit_deny(holdfast: Account, session: Session) -> None:
    deny = json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}}
    )
    client = session(holdfast, new_user(holdfast, "alice", deny), "sts")
    role = new_role(holdfast, "Reader", trust({"AWS": user_arn(holdfast, "alice")}))
    assert refused(assume, client=client, role=role) == denied(user_arn(holdfast, "alice"), role)


# -- how long -----------------------------------------------------------------------------------------------------------


def test_durations(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    trusted = trust({"AWS": user_arn(holdfast, "alice")})
    usual = new_role(holdfast, "usual", trusted)
    long = new_role(holdfast, "long", trusted, MaxSessionDuration=43_200)
    for role, seconds in ((usual, 900), (usual, 3600), (long, 43_200)):
        left = assume(client, role, DurationSeconds=seconds)["Credentials"]["Expiration"] - datetime.now(UTC)
        assert seconds - 30 < left.total_seconds() <= seconds
    assert refused(assume, client=client, role=usual, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        400,
    )


def test_role_chaining(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    first = new_role(holdfast, "first", trust({"AWS": user_arn(holdfast, "alice")}), allow("sts:*"))
    second = new_role(holdfast, "second", trust({"AWS": first}), MaxSessionDuration=43_200)
    chained = session(holdfast, assume(client, first)["Credentials"], "sts")
    assume(chained, second, DurationSeconds=3600)
    assert refused(assume, client=chained, role=second, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        400,
    )
    expected = ("AccessDenied", "Cannot call GetSessionToken with session credentials", 403)
    assert refused(chained.get_session_token) == expected


# -- with what ----------------------------------------------------------------------------------------------------------


def test_session_policies_limit(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    role = new_role(holdfast, "Reader", trust({"AWS": user_arn(holdfast, "alice")}), allow("ssm:*", "kms:*"))
    only_put = allow("ssm:PutParameter")
    answer = assume(client, role, Policy=only_put)
    assert 0 < answer["PackedPolicySize"] < 100
    ssm = session(holdfast, answer["Credentials"], "ssm")
    ssm.put_parameter(Name="/x", Value="1", Type="String")
    code, text, _ = refused(ssm.get_parameter, Name="/x")
    assert code == "AccessDeniedException"
    assert text.endswith("because no session policy allows the ssm:GetParameter action")

    iam = holdfast.client("iam")
    arn = iam.create_policy(PolicyName="reading", PolicyDocument=allow("ssm:GetParameter"))["Policy"]["Arn"]
    answer = assume(client, role, PolicyArns=[{"arn": arn}])
    ssm = session(holdfast, answer["Credentials"], "ssm")
    assert ssm.get_parameter(Name="/x")["Parameter"]["Value"] == "1"
    assert refused(ssm.put_parameter, Name="/x", Value="2", Type="String", Overwrite=True)[0] == "AccessDeniedException"
    # Two session policies: what either allows.
    both = session(holdfast, assume(client, role, Policy=only_put, PolicyArns=[{"arn": arn}])["Credentials"], "ssm")
    both.put_parameter(Name="/x", Value="2", Type="String", Overwrite=True)
    assert both.get_parameter(Name="/x")["Parameter"]["Value"] == "2"
    # A managed policy that is deleted allows nothing any more.
    iam.delete_policy(PolicyArn=arn)
    assert refused(ssm.get_parameter, Name="/x")[0] == "AccessDeniedException"


def test_session_policies_that_are_refused(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    role = new_role(holdfast, "Reader", trust({"AWS": user_arn(holdfast, "alice")}))
    for broken in ("{}", "not json", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}'):
        code, _, status = refused(assume, client=client, role=role, Policy=broken)
        assert (code, status) == ("MalformedPolicyDocument", 400)
    missing = f"arn:aws:iam::{holdfast.account}:policy/missing"
    assert refused(assume, client=client, role=role, PolicyArns=[{"arn": missing}])[0] == "ValidationError"
    assert refused(assume, client=client, role=role, PolicyArns=[{"arn": missing + str(n)} for n in range(11)])[0] == (
        "ValidationError"
    )
    assert refused(assume, client=client, role=role, Policy=allow("ssm:*") + " " * 2048)[0] == "ValidationError"


def test_too_much_for_a_token(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    trusted = trust({"AWS": user_arn(holdfast, "alice")}, "sts:AssumeRole", "sts:TagSession")
    role = new_role(holdfast, "Reader", trusted)
    tags = [{"Key": f"key-{n}", "Value": "x" * 200} for n in range(30)]
    code, text, status = refused(assume, client=client, role=role, Tags=tags)
    assert (code, status) == ("PackedPolicyTooLarge", 400)
    assert text.startswith("Packed size of session tags consumes ")


def test_session_tags(holdfast: Account, session: Session) -> None:
    alice = new_user(holdfast, "alice", allow("sts:AssumeRole"))
    client = session(holdfast, alice, "sts")
    arn = user_arn(holdfast, "alice")
    of_team = allow("ssm:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    role = new_role(holdfast, "Tagged", trust({"AWS": arn}), of_team, Tags=[{"Key": "Team", "Value": "red"}])
    tags = [{"Key": "team", "Value": "blue"}]
    assert refused(assume, client=client, role=role, Tags=tags) == denied(arn, role, "sts:TagSession")
    condition = {
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
        "StringEquals": {"aws:RequestTag/team": "blue"},
    }
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:TagSession", "Condition": condition},
        ],
    }
    holdfast.client("iam").update_assume_role_policy(RoleName="Tagged", PolicyDocument=json.dumps(document))
    answer = assume(client, role, Tags=tags)
    assert answer["PackedPolicySize"] > 0
    session(holdfast, answer["Credentials"], "ssm").describe_parameters()
    # The session's tag stands in the place of the role's, whatever its case; without it the role's own counts.
    plain = session(holdfast, assume(client, role)["Credentials"], "ssm")
    assert refused(plain.describe_parameters)[0] == "AccessDeniedException"
    assert refused(assume, client=client, role=role, Tags=[{"Key": "team", "Value": "green"}])[0] == "AccessDenied"
    both = [*tags, {"Key": "Team", "Value": "blue"}]
    assert refused(assume, client=client, role=role, Tags=both)[0] == "InvalidParameterValue"


def test_transitive_tags_and_source_identity_go_down_the_chain(holdfast: Account, session: Session) -> None:
    client = session(holdfast, new_user(holdfast, "alice"), "sts")
    actions = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    first = new_role(holdfast, "first", trust({"AWS": user_arn(holdfast, "alice")}, *actions), allow("sts:*"))
    second = new_role(holdfast, "second", trust({"AWS": first}, *actions), allow("ssm:*", Condition={
        "StringEquals": {"aws:PrincipalTag/team": "blue", "aws:SourceIdentity": "alice"},
        "Null": {"aws:PrincipalTag/cost": "true"},
    }))  # fmt: skip
    bare = new_role(holdfast, "bare", trust({"AWS": first}))
    tags = [{"Key": "team", "Value": "blue"}, {"Key": "cost", "Value": "1"}]
    answer = assume(client, first, Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="alice")
    assert answer["SourceIdentity"] == "alice"
    chained = session(holdfast, answer["Credentials"], "sts")
    answer = assume(chained, second)
    assert answer["SourceIdentity"] == "alice"
    session(holdfast, answer["Credentials"], "ssm").describe_parameters()

    me = f"arn:aws:sts::{holdfast.account}:assumed-role/first/me"
    assert refused(assume, client=chained, role=bare) == denied(me, bare, "sts:TagSession")
    code, text, _ = refused(assume, client=chained, role=second, Tags=[{"Key": "TEAM", "Value": "x"}])
    assert (code, "conflicts with a transitive tag key" in text) == ("InvalidParameterValue", True)
    assert refused(assume, client=chained, role=second, SourceIdentity="bob")[0] == "AccessDenied"
    assume(chained, second, SourceIdentity="alice")


def test_members_that_are_refused(holdfast: Account) -> None:
    client = holdfast.client("sts", config=Config(parameter_validation=False))
    role = f"arn:aws:iam::{holdfast.account}:role/x"
    for name, value in (
        ("RoleSessionName", "a"),
        ("RoleSessionName", "a b"),
        ("DurationSeconds", 899),
        ("ExternalId", "a"),
    ):
        arguments = {"RoleArn": role, "RoleSessionName": "me", name: value}
        code, text, _ = refused(client.assume_role, **arguments)
        assert code == "ValidationError"
        assert "failed to satisfy constraint" in text
    code, _, _ = refused(
        client.assume_role,
        RoleArn=role,
        RoleSessionName="me",
        ProvidedContexts=[{"ProviderArn": "arn:aws:iam::aws:contextProvider/x", "ContextAssertion": "abcd"}],
    )
    assert code == "NotImplemented"


# -- on record ----------------------------------------------------------------------------------------------------------


def test_the_record_names_the_role_and_holds_no_token(holdfast_server: Server, session: Session) -> None:
    account = holdfast_server.home
    alice = new_user(account, "alice")
    role = new_role(account, "Reader", trust({"AWS": user_arn(account, "alice")}, "sts:*"), READ)
    credentials = assume(session(account, alice, "sts"), role, SourceIdentity="alice")["Credentials"]
    session(account, credentials, "secretsmanager").list_secrets()
    holdfast_server.stop()
    records = stored_records(holdfast_server.directory)
    texts = json.dumps(records)
    assert credentials["SessionToken"] not in texts
    assert credentials["SecretAccessKey"] not in texts
    assumed = next(r for r in records if r["eventName"] == "AssumeRole")
    assert assumed["userIdentity"]["type"] == "IAMUser"
    assert assumed["userIdentity"]["userName"] == "alice"
    assert assumed["readOnly"] is True
    assert assumed["responseElements"]["credentials"]["accessKeyId"] == credentials["AccessKeyId"]
    listed = next(r for r in records if r["eventName"] == "ListSecrets")["userIdentity"]
    assert (listed["type"], listed["accessKeyId"]) == ("AssumedRole", credentials["AccessKeyId"])
    context = listed["sessionContext"]
    assert context["sessionIssuer"] == {
        "type": "Role",
        "principalId": listed["principalId"].partition(":")[0],
        "arn": role,
        "accountId": account.account,
        "userName": "Reader",
    }
    assert context["attributes"]["mfaAuthenticated"] == "false"
    assert context["sourceIdentity"] == "alice"
