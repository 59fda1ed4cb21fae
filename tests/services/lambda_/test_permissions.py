"""Who may do what with functions: identity policies, resource policies, PassRole, other accounts."""

from __future__ import annotations

import json
from typing import Any

from holdfast.testing import Account, Server
from tests.services.lambda_.conftest import create, role
from tests.services.lambda_.refusals import refused
from tests.services.sts.conftest import allow, new_user, session_client

SOURCE = "def handler(event, context): return 1"


def user(account: Account, name: str, policy: str = "") -> Any:
    key = new_user(account, name, policy)
    credentials = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}
    return session_client(account, credentials, "lambda")


def test_creating_takes_pass_role(holdfast: Account) -> None:
    arn = role(holdfast)
    alice = user(holdfast, "alice", allow("lambda:CreateFunction"))
    from tests.services.lambda_.conftest import zipped

    options: Any = {
        "FunctionName": "f", "Role": arn, "Runtime": "python3.12", "Handler": "app.handler",
        "Code": {"ZipFile": zipped({"app.py": SOURCE})},
    }  # fmt: skip
    code, text, status = refused(alice.create_function, **options)
    assert (code, status) == ("AccessDeniedException", 403)
    assert f"user/alice is not authorized to perform: iam:PassRole on resource: {arn}" in text
    condition = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    bob = user(holdfast, "bob", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": arn, "Condition": condition},
    ]}))  # fmt: skip
    assert bob.create_function(**options)["FunctionName"] == "f"
    alice.close()
    bob.close()


def test_a_resource_policy_lets_somebody_invoke(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    arn = create(holdfast, SOURCE)["FunctionArn"]
    alice = user(holdfast, "alice")
    code, text, _ = refused(alice.invoke, FunctionName="f")
    assert code == "AccessDeniedException"
    assert text.endswith(
        f"lambda:InvokeFunction on resource: {arn} because no identity-based policy allows the lambda:InvokeFunction action"
    )
    principal = f"arn:aws:iam::{holdfast.account}:user/alice"
    functions.add_permission(FunctionName="f", StatementId="one", Action="lambda:InvokeFunction", Principal=principal)
    assert json.loads(alice.invoke(FunctionName="f")["Payload"].read()) == 1
    shown = json.loads(functions.get_policy(FunctionName="f")["Policy"])
    assert shown["Statement"][0]["Principal"] == {"AWS": principal}
    functions.remove_permission(FunctionName="f", StatementId="one")
    assert refused(alice.invoke, FunctionName="f")[0] == "AccessDeniedException"
    alice.close()


def test_permissions(holdfast: Account) -> None:
    functions = holdfast.client("lambda")
    arn = create(holdfast, SOURCE, Publish=True)["FunctionArn"].removesuffix(":1")
    options: Any = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction"}
    source = f"arn:aws:secretsmanager:us-east-1:{holdfast.account}:secret:*"
    added = functions.add_permission(
        **options, Principal="secretsmanager.amazonaws.com", SourceAccount=holdfast.account, SourceArn=source
    )
    expected = {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "secretsmanager.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceAccount": holdfast.account}, "ArnLike": {"AWS:SourceArn": source}},
    }
    assert json.loads(added["Statement"]) == expected
    policy = functions.get_policy(FunctionName="f")
    assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [expected]}
    assert refused(functions.add_permission, **options, Principal="*") == (
        "ResourceConflictException",
        "The statement id (s) provided already exists. Please provide a new statement id, or remove the existing "
        "statement.",
        409,
    )
    wrong = {**options, "StatementId": "t"}
    bad = (
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
        400,
    )
    assert refused(functions.add_permission, **wrong, Principal="nobody") == bad
    assert refused(functions.add_permission, **wrong, Principal=f"arn:aws:iam::{holdfast.account}:user/nobody") == bad
    functions.add_permission(**options, Principal="123456789012", Qualifier="1")
    at_version = json.loads(functions.get_policy(FunctionName="f", Qualifier="1")["Policy"])["Statement"][0]
    assert at_version["Resource"] == f"{arn}:1"
    assert at_version["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert refused(functions.remove_permission, FunctionName="f", StatementId="none") == (
        "ResourceNotFoundException", "Statement none is not found in resource policy.", 404,
    )  # fmt: skip
    functions.remove_permission(FunctionName="f", StatementId="s")
    assert refused(functions.get_policy, FunctionName="f") == (
        "ResourceNotFoundException", "The resource you requested does not exist.", 404,
    )  # fmt: skip


def test_another_account_learns_nothing(holdfast: Account, holdfast_session_server: Server) -> None:
    arn = create(holdfast, SOURCE)["FunctionArn"]
    other = holdfast_session_server.create_account()
    theirs = other.client("lambda")
    there, missing = refused(theirs.invoke, FunctionName=arn), refused(theirs.invoke, FunctionName=f"{arn[:-1]}g")
    assert there[0] == missing[0] == "AccessDeniedException"
    assert there[1].replace(arn, f"{arn[:-1]}g") == missing[1]
    holdfast.client("lambda").add_permission(
        FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal=other.account
    )
    assert json.loads(theirs.invoke(FunctionName=arn)["Payload"].read()) == 1
    other.close()


def test_signatures_on_this_protocol(holdfast: Account) -> None:
    """Statuses of refusals are those of REST-JSON services."""
    from botocore import UNSIGNED
    from botocore.config import Config

    unsigned = holdfast.client("lambda", config=Config(signature_version=UNSIGNED))
    assert refused(unsigned.list_functions) == (
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
        403,
    )
    credentials = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x" * 40}
    unknown = session_client(holdfast, credentials, "lambda")
    assert refused(unknown.list_functions) == (
        "UnrecognizedClientException", "The security token included in the request is invalid.", 403,
    )  # fmt: skip
    unknown.close()


def test_a_path_that_no_operation_has(holdfast: Account) -> None:
    client = holdfast.client("lambda")

    def elsewhere(request: Any, **_: Any) -> None:
        request.url = request.url.replace("/functions", "/nothing")

    client.meta.events.register("before-sign.lambda.ListFunctions", elsewhere)
    code, _, status = refused(client.list_functions)
    assert (code, status) == ("UnknownOperationException", 404)


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def test_a_role_may_be_passed_to_some_functions_only(holdfast: Account) -> None:
    create(holdfast, SOURCE, "mine")
    create(holdfast, SOURCE, "other")
    arn = holdfast.client("lambda").get_function_configuration(FunctionName="mine")["FunctionArn"]
    second = role(holdfast, "second")
    condition = {"ArnEquals": {"iam:AssociatedResourceArn": arn}}
    alice = user(holdfast, "alice", _policy(
        {"Action": "lambda:*", "Resource": "*"}, {"Action": "iam:PassRole", "Resource": "*", "Condition": condition},
    ))  # fmt: skip
    assert alice.update_function_configuration(FunctionName="mine", Role=second)["Role"] == second
    assert "iam:PassRole" in refused(alice.update_function_configuration, FunctionName="other", Role=second)[1]
    alice.close()


def test_whose_permission_may_be_added_and_removed(holdfast: Account) -> None:
    """lambda:Principal is as it was sent, for RemovePermission too."""
    functions = holdfast.client("lambda")
    create(holdfast, SOURCE)
    condition = {"StringEquals": {"lambda:Principal": ["sns.amazonaws.com", holdfast.account]}}
    alice = user(holdfast, "alice", _policy({"Action": "lambda:*Permission", "Resource": "*", "Condition": condition}))
    for principal in ("sns.amazonaws.com", holdfast.account):
        permission = {"FunctionName": "f", "StatementId": "one"}
        alice.add_permission(**permission, Action="lambda:InvokeFunction", Principal=principal)
        alice.remove_permission(**permission)
    for principal in ("s3.amazonaws.com", "*"):
        permission = {"FunctionName": "f", "StatementId": "one"}
        added = {**permission, "Action": "lambda:InvokeFunction", "Principal": principal}
        assert refused(alice.add_permission, **added)[0] == "AccessDeniedException"
        functions.add_permission(**added)
        assert refused(alice.remove_permission, **permission)[0] == "AccessDeniedException"
        functions.remove_permission(**permission)
    alice.close()


def test_aliases_are_authorized_as_their_function(holdfast: Account) -> None:
    arn = create(holdfast, SOURCE)["FunctionArn"]
    alice = user(holdfast, "alice", _policy({"Action": "lambda:*Alias", "Resource": arn}))
    bob = user(holdfast, "bob", _policy({"Action": "lambda:*Alias", "Resource": f"{arn}:*"}))
    alias = {"FunctionName": "f", "Name": "live"}
    alice.create_alias(**alias, FunctionVersion="$LATEST")
    assert alice.get_alias(**alias)["AliasArn"] == f"{arn}:live"
    code, text, _ = refused(bob.get_alias, **alias)
    assert code == "AccessDeniedException"
    assert f"lambda:GetAlias on resource: {arn} because" in text
    alice.close()
    bob.close()
