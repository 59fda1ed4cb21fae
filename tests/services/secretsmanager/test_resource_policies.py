"""Resource policies through boto3: kept, checked, and deciding who of another account reads a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.testing import Account, Server

from .conftest import ONE_TRY
from .refusals import MARKED_FOR_DELETION, NOT_FOUND, refused

NO_RESOURCE_POLICY = "because no resource-based policy allows the {action} action"


def root(account: Account) -> str:
    return f"arn:aws:iam::{account.account}:root"


def policy(*principals: str, actions: Any = "secretsmanager:*", effect: str = "Allow", **members: Any) -> str:
    who: Any = "*" if principals == ("*",) else {"AWS": list(principals)}
    statement = {"Effect": effect, "Principal": who, "Action": actions, "Resource": "*", **members}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def other(holdfast_session_server: Server) -> Account:
    """Another account."""
    return holdfast_session_server.create_account()


@pytest.fixture(scope="module")
def others(other: Account) -> Any:
    return other.client("secretsmanager", config=ONE_TRY)


@pytest.fixture
def arn(secrets: Any, name: str) -> str:
    """A secret under the account's own key."""
    return secrets.create_secret(Name=name, SecretString="hunter2")["ARN"]


@pytest.fixture
def key(account: Account, other: Account, keys: Any) -> str:
    """The ARN of a key that both accounts may use."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [root(account), root(other)]},
        "Action": "kms:*",
        "Resource": "*",
    }
    return keys.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))["KeyMetadata"]["Arn"]


@pytest.fixture
def shared(secrets: Any, name: str, key: str) -> str:
    """A secret under a key that both accounts may use. It has no resource policy yet."""
    return secrets.create_secret(Name=f"{name}/shared", SecretString="hunter2", KmsKeyId=key)["ARN"]


# -- the policy itself -------------------------------------------------------------------------------------------------


def test_put_get_delete(account: Account, secrets: Any, name: str, arn: str) -> None:
    first = policy(root(account)).replace(": ", ":  ")
    before = secrets.describe_secret(SecretId=name)["LastChangedDate"]
    answer = secrets.put_resource_policy(SecretId=name, ResourcePolicy=first)
    assert (answer["ARN"], answer["Name"]) == (arn, name)
    assert secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"] == first
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] >= before
    secrets.put_resource_policy(SecretId=name, ResourcePolicy=policy(account.account), BlockPublicPolicy=True)
    assert secrets.get_resource_policy(SecretId=name)["ResourcePolicy"] == policy(account.account)
    secrets.update_secret(SecretId=name, Description="other")
    secrets.put_secret_value(SecretId=name, SecretString="new")
    assert secrets.get_resource_policy(SecretId=name)["ResourcePolicy"] == policy(account.account)
    for _ in range(2):
        answer = secrets.delete_resource_policy(SecretId=name)
        assert (answer["ARN"], answer["Name"]) == (arn, name)
        assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=name)
    listed = secrets.list_secrets(Filters=[{"Key": "name", "Values": [name]}])["SecretList"]
    assert [entry["Name"] for entry in listed] == [name]


def test_a_new_secret_of_the_name_has_no_policy(account: Account, secrets: Any, name: str, arn: str) -> None:
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(root(account)))
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name=name)
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=name)


UNSUPPORTED = ("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Syntax errors in policy."),
        ('{"Version": "2012-10-17"}', "Syntax errors in policy."),
        (policy("arn:aws:iam::111122223333:us*"), UNSUPPORTED[1]),
        (policy("arn:aws:iam::111122223333:role/never-made"), UNSUPPORTED[1]),
        (policy("arn:aws:iam::111122223333:user/never-made"), UNSUPPORTED[1]),
        (policy("AROANEVERMADENEVERMADE"), UNSUPPORTED[1]),
        (policy("*", actions=[]), "Policy statement must contain actions."),
        (policy("*", Resource="x"), 'Resource x must be in ARN format or "*".'),
    ],
)
def test_what_is_no_policy(secrets: Any, arn: str, text: str, message: str) -> None:
    assert refused(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=text) == (
        "MalformedPolicyDocumentException",
        message,
    )
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=arn)
    answer = secrets.validate_resource_policy(SecretId=arn, ResourcePolicy=text)
    assert answer["PolicyValidationPassed"] is False
    assert [error["ErrorMessage"] for error in answer["ValidationErrors"]] == [message]


def test_the_longest_policy(account: Account, secrets: Any, arn: str) -> None:
    longest = policy(root(account)).ljust(20480)
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=longest)
    assert refused(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=longest + " ")[0] == "ValidationException"
    assert secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"] == longest


def test_blocking_public_policies(secrets: Any, arn: str) -> None:
    public = policy("*")
    assert refused(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=public, BlockPublicPolicy=True) == (
        "PublicPolicyException",
        "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the "
        "secret.",
    )
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=arn)
    for block in ({"BlockPublicPolicy": False}, {}):
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=public, **block)
    in_organisation = policy("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=in_organisation, BlockPublicPolicy=True)


@pytest.mark.parametrize("action", ["secretsmanager:PutResourcePolicy", "secretsmanager:*", "*"])
def test_nobody_shuts_themselves_out(secrets: Any, arn: str, action: str) -> None:
    text = policy("*", actions=action, effect="Deny")
    code, _ = refused(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=text)
    assert code == "InvalidRequestException"
    answer = secrets.validate_resource_policy(SecretId=arn, ResourcePolicy=text)
    assert [error["CheckName"] for error in answer["ValidationErrors"]] == ["LOCKOUT"]
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy("*", actions="secretsmanager:Get*", effect="Deny"))
    assert refused(secrets.get_secret_value, SecretId=arn)[1].endswith(
        "with an explicit deny in a resource-based policy"
    )


def test_validating(account: Account, secrets: Any, arn: str) -> None:
    good = policy(root(account))
    for secret in ({"SecretId": arn}, {}):
        answer = secrets.validate_resource_policy(ResourcePolicy=good, **secret)
        assert (answer["PolicyValidationPassed"], answer["ValidationErrors"]) == (True, [])
    public_and_shut = json.loads(policy("*"))
    public_and_shut["Statement"] += json.loads(policy("*", effect="Deny", actions="*"))["Statement"]
    answer = secrets.validate_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(public_and_shut))
    assert [error["CheckName"] for error in answer["ValidationErrors"]] == ["BROAD_ACCESS", "LOCKOUT"]
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=arn)
    assert refused(secrets.validate_resource_policy, SecretId=f"{arn}x", ResourcePolicy=good) == NOT_FOUND


def test_a_secret_that_is_marked_for_deletion(account: Account, secrets: Any, arn: str) -> None:
    secrets.delete_secret(SecretId=arn)
    text = policy(root(account))
    assert refused(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=text) == MARKED_FOR_DELETION
    assert refused(secrets.delete_resource_policy, SecretId=arn) == MARKED_FOR_DELETION


@pytest.mark.parametrize("operation", ["put", "delete"])
def test_a_name_of_a_policy_is_refused(account: Account, secrets: Any, arn: str, operation: str) -> None:
    more = {"ResourcePolicy": policy(root(account))} if operation == "put" else {}
    call = getattr(secrets, f"{operation}_resource_policy")
    code, text = refused(call, SecretId=arn, PolicyName="mine", **more)
    assert code == "NotImplementedException"
    assert "PolicyName" in text


# -- another account ---------------------------------------------------------------------------------------------------


def denial(account: Account, action: str, resource: str) -> tuple[str, str]:
    return (
        "AccessDeniedException",
        f"User: {root(account)} is not authorized to perform: {action} on resource: {resource} "
        + NO_RESOURCE_POLICY.format(action=action),
    )


def test_reading_across_accounts(other: Account, secrets: Any, others: Any, shared: str) -> None:
    denied = denial(other, "secretsmanager:GetSecretValue", shared)
    assert refused(others.get_secret_value, SecretId=shared) == denied
    secrets.put_resource_policy(SecretId=shared, ResourcePolicy=policy(root(other), actions="secretsmanager:Get*"))
    answer = others.get_secret_value(SecretId=shared)
    assert (answer["SecretString"], answer["ARN"]) == ("hunter2", shared)
    assert others.get_secret_value(SecretId=shared[:-7])["ARN"] == shared
    assert others.get_secret_value(SecretId=shared, VersionId=answer["VersionId"])["SecretString"] == "hunter2"
    batch = others.batch_get_secret_value(SecretIdList=[shared])
    assert [entry["SecretString"] for entry in batch["SecretValues"]] == ["hunter2"]
    # A name is looked for in the caller's own account.
    assert refused(others.get_secret_value, SecretId=answer["Name"]) == NOT_FOUND
    assert refused(others.describe_secret, SecretId=shared) == denial(other, "secretsmanager:DescribeSecret", shared)
    assert others.list_secrets()["SecretList"] == []
    secrets.delete_resource_policy(SecretId=shared)
    assert refused(others.get_secret_value, SecretId=shared) == denied


def test_the_key_policy_must_allow_too(
    account: Account, other: Account, secrets: Any, keys: Any, others: Any, key: str, shared: str
) -> None:
    secrets.put_resource_policy(SecretId=shared, ResourcePolicy=policy(root(other)))
    only_mine = {"Effect": "Allow", "Principal": {"AWS": root(account)}, "Action": "kms:*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [only_mine]})
    keys.put_key_policy(KeyId=key, PolicyName="default", Policy=text)
    denied = ("AccessDeniedException", "Access to KMS is not allowed")
    assert refused(others.get_secret_value, SecretId=shared) == denied
    assert refused(others.put_secret_value, SecretId=shared, SecretString="x") == denied
    assert others.describe_secret(SecretId=shared)["ARN"] == shared
    assert secrets.get_secret_value(SecretId=shared)["SecretString"] == "hunter2"


def test_a_secret_under_the_accounts_own_key(
    account: Account, other: Account, secrets: Any, others: Any, arn: str
) -> None:
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(root(other), root(account)))
    refusal = (
        "InvalidRequestException",
        "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service "
        "key.",
    )
    assert refused(others.get_secret_value, SecretId=arn) == refusal
    assert refused(others.put_secret_value, SecretId=arn, SecretString="x") == refusal
    assert refused(others.update_secret, SecretId=arn, SecretString="x") == refusal
    assert refused(others.update_secret, SecretId=arn, KmsKeyId="alias/aws/secretsmanager") == refusal
    # What touches no value is allowed.
    others.update_secret(SecretId=arn, Description="by another account")
    assert secrets.describe_secret(SecretId=arn)["Description"] == "by another account"
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "hunter2"


@pytest.mark.parametrize("named", ["id", "arn", "alias"])
def test_writing_across_accounts(
    account: Account, other: Account, secrets: Any, keys: Any, others: Any, name: str, key: str, named: str
) -> None:
    """Whichever way the owner named the key, it is the owner's key that a caller of another account writes under."""
    alias = f"alias/{name.replace('/', '-')}"
    keys.create_alias(AliasName=alias, TargetKeyId=key)
    given = {"id": key.rpartition("/")[2], "arn": key, "alias": alias}[named]
    arn = secrets.create_secret(Name=f"{name}/w", SecretString="one", KmsKeyId=given)["ARN"]
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(root(other)))
    version = others.put_secret_value(SecretId=arn, SecretString="two")["VersionId"]
    again = others.put_secret_value(SecretId=arn, SecretString="two", ClientRequestToken=version)
    assert again["VersionId"] == version
    others.update_secret(SecretId=arn, SecretString="three")
    assert [client.get_secret_value(SecretId=arn)["SecretString"] for client in (secrets, others)] == ["three"] * 2
    listed = secrets.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
    assert {key_id for entry in listed for key_id in entry["KmsKeyIds"]} == {key}
    others.tag_resource(SecretId=arn, Tags=[{"Key": "k", "Value": "v"}])
    others.untag_resource(SecretId=arn, TagKeys=["k"])
    others.update_secret_version_stage(SecretId=arn, VersionStage="l", MoveToVersionId=version)


def test_a_key_of_another_account(
    account: Account, other: Account, secrets: Any, keys: Any, others: Any, name: str
) -> None:
    """A secret may stand under another account's key, named by its ARN; then its owner needs that key's policy."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [root(account), root(other)]},
        "Action": "kms:*",
        "Resource": "*",
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    foreign = other.client("kms").create_key(Policy=text)["KeyMetadata"]["Arn"]
    arn = secrets.create_secret(Name=name, SecretString="one", KmsKeyId=foreign)["ARN"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "one"
    own = keys.create_key()["KeyMetadata"]["Arn"]
    secrets.update_secret(SecretId=arn, KmsKeyId=own)
    secrets.update_secret(SecretId=arn, KmsKeyId=foreign)
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(root(other)))
    assert others.get_secret_value(SecretId=arn)["SecretString"] == "one"


def test_deleting_across_accounts(holdfast_server: Server) -> None:
    """The removal happens when its day comes, whoever asked for it, and the owner can take it back."""
    owner, other = holdfast_server.create_account(), holdfast_server.create_account()
    secrets, others = owner.client("secretsmanager"), other.client("secretsmanager")
    arns = [secrets.create_secret(Name=name, SecretString="x")["ARN"] for name in ("gone", "kept")]
    for arn in arns:
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy(root(other)))
        others.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    secrets.restore_secret(SecretId="kept")
    holdfast_server.advance(days=8)
    assert refused(secrets.describe_secret, SecretId="gone") == NOT_FOUND
    assert secrets.get_secret_value(SecretId="kept")["SecretString"] == "x"
    owner.close()
    other.close()


def test_a_foreign_denial_tells_nothing(account: Account, other: Account, secrets: Any, others: Any, arn: str) -> None:
    """No policy, a policy that names somebody else, one that denies, and no secret at all: the same words."""
    missing = arn[:-1] + ("a" if arn[-1] != "a" else "b")
    texts: set[str] = set()
    for text in (None, policy(root(account)), policy(root(other), effect="Deny", actions="secretsmanager:G*")):
        if text is not None:
            secrets.put_resource_policy(SecretId=arn, ResourcePolicy=text)
        for secret_id in (arn, arn[:-7]):
            code, said = refused(others.get_secret_value, SecretId=secret_id)
            assert code == "AccessDeniedException"
            texts.add(said.replace(secret_id, "X"))
    texts.add(refused(others.get_secret_value, SecretId=missing)[1].replace(missing, "X"))
    assert texts == {denial(other, "secretsmanager:GetSecretValue", "X")[1]}


def test_the_function_of_a_secret_is_a_condition(account: Account, secrets: Any, arn: str) -> None:
    """A secret without rotation has no such key, so a Deny for another function than this one does not meet it."""
    function = (
        f"arn:aws:lambda:{account.region}:{account.account}:function:SecretsManagerRDSPostgreSQLRotationSingleUser"
    )
    condition = {"ArnNotEquals": {"secretsmanager:resource/AllowRotationLambdaArn": function}}
    present = {"Null": {"secretsmanager:resource/AllowRotationLambdaArn": "false"}}
    secrets.put_resource_policy(
        SecretId=arn,
        ResourcePolicy=policy(
            "*", actions="secretsmanager:GetSecretValue", effect="Deny", Condition={**condition, **present}
        ),
    )
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "hunter2"
    schedule = {"ScheduleExpression": "rate(30 days)"}
    other = function.replace("PostgreSQL", "MariaDB")
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=function, RotationRules=schedule, RotateImmediately=False)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "hunter2"
    secrets.cancel_rotate_secret(SecretId=arn)
    pending = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    for version, labels in pending.items():
        if labels == ["AWSPENDING"]:
            secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSPENDING", RemoveFromVersionId=version)
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=other, RotationRules=schedule, RotateImmediately=False)
    assert refused(secrets.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"


def test_the_primary_region_of_a_secret_is_a_condition(account: Account, secrets: Any, arn: str) -> None:
    """Without replicas it is the Region that the secret was created in."""
    primary = "secretsmanager:SecretPrimaryRegion"

    def deny(operator: str, value: str) -> None:
        text = policy(
            "*", actions="secretsmanager:GetSecretValue", effect="Deny", Condition={operator: {primary: value}}
        )
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=text)

    deny("StringNotEquals", account.region)
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "hunter2"
    deny("StringEquals", account.region)
    assert refused(secrets.get_secret_value, SecretId=arn)[0] == "AccessDeniedException"
