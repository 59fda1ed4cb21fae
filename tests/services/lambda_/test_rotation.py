"""A rotation by a user's own function: the calls of AWS's rotation functions, in their order, as the function's role."""

from __future__ import annotations

from holdfast.testing import Server
from tests.services.lambda_.conftest import EVERYTHING, create, role

ROTATION = """
import boto3, json, os
def handler(event, context):
    secrets = boto3.client("secretsmanager", endpoint_url=os.environ["SECRETS_MANAGER_ENDPOINT"])
    arn, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    described = secrets.describe_secret(SecretId=arn)
    if not described["RotationEnabled"]:
        raise ValueError("not enabled")
    stages = described["VersionIdsToStages"][token]
    if "AWSCURRENT" in stages:
        return
    if "AWSPENDING" not in stages:
        raise ValueError("not pending")
    if step == "createSecret":
        current = json.loads(secrets.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])
        try:
            secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
        except secrets.exceptions.ResourceNotFoundException:
            password = secrets.get_random_password(PasswordLength=32, ExcludeCharacters=":/@")["RandomPassword"]
            secrets.put_secret_value(SecretId=arn, ClientRequestToken=token, VersionStages=["AWSPENDING"],
                                     SecretString=json.dumps({**current, "password": password, "steps": [step]}))
    elif step == "finishSecret":
        old = next(v for v, s in described["VersionIdsToStages"].items() if "AWSCURRENT" in s)
        secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token,
                                            RemoveFromVersionId=old)
    else:
        secrets.get_secret_value(SecretId=arn, VersionId=token, VersionStage="AWSPENDING")
"""


def test_a_user_s_function_rotates_a_secret_twice(holdfast_server: Server) -> None:
    account = holdfast_server.home
    secrets, functions = account.client("secretsmanager"), account.client("lambda")
    function = create(account, ROTATION, "rotate", Role=role(account, "rotator", EVERYTHING), Timeout=30)["FunctionArn"]
    secret = secrets.create_secret(Name="db", SecretString='{"username": "app", "password": "first"}')["ARN"]
    functions.add_permission(
        FunctionName="rotate",
        StatementId="secretsmanager",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        SourceAccount=account.account,
    )
    seen = {secrets.get_secret_value(SecretId=secret)["SecretString"]}
    for number in range(2):
        version = secrets.rotate_secret(
            SecretId=secret, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30}
        )["VersionId"]
        # The walk waits for what it starts: the rotation is over when it returns.
        holdfast_server.advance(minutes=1)
        labels = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
        assert labels[version] == ["AWSCURRENT"], number
        seen.add(secrets.get_secret_value(SecretId=secret)["SecretString"])
    assert len(seen) == 3
