"""Where what is asked differs from the Service Authorization Reference, each with the reason.

A difference that is none any more fails the test: take it out then.
"""

from __future__ import annotations

import re

from .house import ACCOUNT, REGION

ELSEWHERE = {
    "sts:GetCallerIdentity": "no permission is needed, and none is asked (STS API reference)",
    "sts:GetSessionToken": "no permission is needed, and none is asked (STS API reference)",
}
"""Operations that ask nothing."""

OTHER_ACTIONS = {
    ("secretsmanager", "BatchGetSecretValue"): {
        # "you must have secretsmanager:BatchGetSecretValue, and secretsmanager:GetSecretValue for each secret … If you use
        # filters, you must also have secretsmanager:ListSecrets" (API reference, BatchGetSecretValue).
        "secretsmanager:GetSecretValue", "secretsmanager:ListSecrets",
    },
    # "Required permissions: secretsmanager:CreateSecret. If you include tags in the secret, you also need
    # secretsmanager:TagResource" (API reference, CreateSecret).
    ("secretsmanager", "CreateSecret"): {"secretsmanager:TagResource"},
    # "Required permissions: secretsmanager:ValidateResourcePolicy and secretsmanager:PutResourcePolicy".
    ("secretsmanager", "ValidateResourcePolicy"): {"secretsmanager:PutResourcePolicy"},
    # "To tag a parameter when it is created: ssm:AddTagsToResource" (user guide, "Tagging Systems Manager parameters").
    ("ssm", "PutParameter"): {"ssm:AddTagsToResource"},
    # "To use the Tags parameter, kms:TagResource (IAM policy)" (KMS API reference, CreateKey).
    ("kms", "CreateKey"): {"kms:TagResource"},
    # "kms:ReEncryptFrom permission on the source KMS key, kms:ReEncryptTo permission on the destination KMS key": there is
    # no kms:ReEncrypt.
    ("kms", "ReEncrypt"): {"kms:ReEncryptFrom", "kms:ReEncryptTo"},
    # "you must have … sts:TagSession" and "sts:SetSourceIdentity" beside the action (user guide, session tags, source
    # identity).
    ("sts", "AssumeRole"): {"sts:TagSession", "sts:SetSourceIdentity"},
    ("sts", "AssumeRoleWithWebIdentity"): {"sts:TagSession", "sts:SetSourceIdentity"},
    # "lambda:InvokeFunction: grants permission to invoke an AWS Lambda function": there is no lambda:Invoke.
    ("lambda", "Invoke"): {"lambda:InvokeFunction"},
    # "To use Tags, sns:CreateTopic and sns:TagResource" (SNS API reference, CreateTopic).
    ("sns", "CreateTopic"): {"sns:TagResource"},
    # "There is no PublishBatch action: sns:Publish" (developer guide, "Amazon SNS message batching").
    ("sns", "PublishBatch"): {"sns:Publish"},
    # "To tag a user when you create it, iam:TagUser": one action for each kind of resource (user guide, "Tagging IAM
    # resources").
    ("iam", "CreateUser"): {"iam:TagUser"},
    ("iam", "CreateRole"): {"iam:TagRole"},
    ("iam", "CreatePolicy"): {"iam:TagPolicy"},
    ("iam", "CreateOpenIDConnectProvider"): {"iam:TagOpenIDConnectProvider"},
}  # fmt: skip
"""Actions of the same service that an operation asks for beside, or instead of, the one that has its name."""

RESOURCES = {
    # "SecretId … Type: String. Required: No" (API reference, ValidateResourcePolicy): a policy for no secret yet.
    ("ValidateResourcePolicy", "secretsmanager:ValidateResourcePolicy", "*"),
    ("ValidateResourcePolicy", "secretsmanager:PutResourcePolicy", "*"),
    # No resource type in the reference; "is not authorized to perform: ssm:DescribeParameters on resource:
    # arn:aws:ssm:us-west-1:111122223333:*" says AWS.
    ("DescribeParameters", "ssm:DescribeParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:*"),
    # The key has no id yet. "kms:TagResource (IAM policy)" cannot name it either (KMS API reference, CreateKey).
    ("CreateKey", "kms:TagResource", "*"),
    # An AWS managed key on its first use is named by its alias: it is made after it was authorized.
    ("PutParameter", "kms:Encrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/ssm"),
}
"""Resources of another form than the reference gives."""

ABSENT = (
    # Features that Holdfast does not have; what would give the key is refused by name.
    ("secretsmanager:(AddReplicaRegions|ForceOverwriteReplicaSecret)", ".*", "no replicas"),
    (
        "secretsmanager:resource/AllowRotationLambdaArn",
        ".*",
        "there once a secret has a function, which those of the scenes do not: see test_resource_policies.py",
    ),
    ("secretsmanager:ExternalSecretRotationRoleArn", ".*", "no rotation of external secrets"),
    ("lambda:(FunctionUrlAuthType|InvokedViaFunctionUrl)", "lambda:.*", "no function URLs"),
    ("events:ManagedBy", "events:.*", "no service makes rules on somebody's behalf here"),
    ("lambda:EventSourceToken", "lambda:InvokeFunction", "no Alexa skills, whose token it is"),
    (
        "lambda:(Layer|VpcIds|SubnetIds|SecurityGroupIds|CodeSigningConfigArn)",
        "lambda:.*",
        "no layers, VPCs, code signing",
    ),
    ("kms:MultiRegionKeyType", "kms:.*", "no multi-Region keys; the key is there for them only (KMS developer guide)"),
    ("kms:RecipientAttestation:.*", "kms:.*", "no attestation documents"),
    (
        r"(accounts\.google\.com|cognito-identity\.amazonaws\.com|graph\.facebook\.com|www\.amazon\.com|saml):.*",
        "sts:.*",
        "keys of providers that are not used here: a provider's keys bear its own name",
    ),
    # "Do not try to control who can pass a role by tagging the role and then using the ResourceTag condition key in a
    # policy with the iam:PassRole action. This approach does not have reliable results" (user guide, iam:PassRole).
    ("(aws|iam):ResourceTag/.*", "iam:PassRole", "AWS does not give it reliably"),
    # What does not exist yet has no tags, no aliases and no type.
    ("aws:ResourceTag/.*|iam:ResourceTag/.*|secretsmanager:ResourceTag/.*", ".*:Create.*", "not there yet"),
    ("secretsmanager:resource/Type", "secretsmanager:CreateSecret", "not there yet"),
    # "This condition key is effective for requests that a service makes": no service of ours makes these.
    ("kms:ViaService", "kms:.*", "nobody makes this call for a caller"),
    # "No one may name an alias here": the parameter's path, whose tags do not exist.
    (r"(aws:ResourceTag|ssm:resourceTag)/.*", "ssm:GetParametersByPath", "a path has no tags"),
)
"""(condition key, action, why): documented and not in the context."""

ADDED = (
    # "The name of the OIDC provider as prefix" (user guide, "Available keys for AWS OIDC federation").
    (r"issuer\.example/tenant:(amr|aud|oaud|sub)", "sts:.*"),
)
"""(condition key, action): in the context, and in the reference under other names."""


def reasons(key: str, action: str) -> set[str]:
    """Why a documented key is not in the context; none when it should be."""
    return {why for pattern, actions, why in ABSENT if re.fullmatch(pattern, key) and re.fullmatch(actions, action)}


def is_added(key: str, action: str) -> bool:
    return any(re.fullmatch(pattern, key) and re.fullmatch(actions, action) for pattern, actions in ADDED)
