"""Customer managed policies and their versions, and AWS's own to look at; in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import iam
from holdfast.services.iam import account_records, policy_records, rules
from holdfast.services.iam.documents import check_managed
from holdfast.services.iam.managed_policies import ManagedPolicy, aws_policies
from holdfast.services.iam.owners import find_policy
from holdfast.services.iam.pages import page_of_few
from holdfast.services.iam.policy_records import Policy, Version
from holdfast.services.iam.shapes import aws_policy_shape, policy_shape, version_shape
from holdfast.services.stored_tags import encode_tags, request_context

if TYPE_CHECKING:
    from holdfast.services.call import Call

COUNT = "Policies"
COUNT_VERSIONS = "PolicyVersionsInUse"


def create_policy(call: Call, value: iam.CreatePolicyRequest) -> iam.CreatePolicyResponse:
    """A new managed policy; its document is version v1."""
    assert value.PolicyName is not None
    assert value.PolicyDocument is not None
    name = rules.check_name("policyName", value.PolicyName)
    path = rules.check_path(value.Path)
    tags = rules.given_tags(value.Tags)
    context = request_context(tags)
    arn = rules.arn_of(call.partition, call.account, "policy", path, name)
    call.authorize("iam:CreatePolicy", arn, context)
    if tags:
        call.authorize("iam:TagPolicy", arn, context)
    check_managed(value.PolicyDocument, arn)
    if call.tx.one(policy_records.READ_POLICY_BY_NAME, call.account, name.lower()) is not None:
        raise iam.EntityAlreadyExistsException(
            f"A policy called {name} already exists. Duplicate names are not allowed."
        )
    rules.check_quota("PoliciesPerAccount", account_records.count_of(call.tx, call.account, COUNT))
    policy = Policy(
        key=name.lower(),
        name=name,
        id=rules.new_id(call.randomness, "policy"),
        arn=arn,
        path=path,
        description=value.Description or "",
        created=call.now,
        updated=call.now,
        default_version=1,
        newest_version=1,
        tags=encode_tags(tags),
        attachments=0,
        boundaries=0,
    )
    call.tx.run(policy_records.INSERT_POLICY, call.account, *policy[:8], policy.tags)
    call.tx.run(policy_records.INSERT_VERSION, call.account, policy.id, 1, value.PolicyDocument, call.now)
    call.tx.run(account_records.COUNT, call.account, COUNT)
    call.tx.run(account_records.COUNT, call.account, COUNT_VERSIONS)
    return iam.CreatePolicyResponse(Policy=policy_shape(policy, full=True))


def _own_policy(call: Call, arn: str | None, action: str) -> Policy:
    """A policy of the account that is to be changed; AWS's own cannot be."""
    policy = find_policy(call, arn, action)
    if policy is None:
        raise rules.policy_not_found(arn or "")
    return policy


def _number(version_id: str | None) -> int:
    """`v3` -> 3. Version ids with a suffix exist in the model and nowhere else: 0 finds none."""
    text = (version_id or "").removeprefix("v")
    return int(text) if text.isdigit() and len(text) < 10 else 0


def create_policy_version(call: Call, value: iam.CreatePolicyVersionRequest) -> iam.CreatePolicyVersionResponse:
    """Another version; with SetAsDefault it is what the policy says from now on."""
    assert value.PolicyDocument is not None
    policy = _own_policy(call, value.PolicyArn, "iam:CreatePolicyVersion")
    check_managed(value.PolicyDocument, policy.arn)
    if len(policy_records.versions_of(call.tx, call.account, policy.id)) >= rules.QUOTAS["VersionsPerPolicy"]:
        raise iam.LimitExceededException(
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
            "version."
        )
    version = Version(policy.newest_version + 1, value.PolicyDocument, call.now)
    default = version.version if value.SetAsDefault else policy.default_version
    call.tx.run(
        policy_records.INSERT_VERSION, call.account, policy.id, version.version, version.document, version.created
    )
    call.tx.run(policy_records.WRITE_VERSIONS, default, version.version, call.now, call.account, policy.arn)
    call.tx.run(account_records.COUNT, call.account, COUNT_VERSIONS)
    return iam.CreatePolicyVersionResponse(PolicyVersion=version_shape(version, default, document=False))


def delete_policy(call: Call, value: iam.DeletePolicyRequest) -> iam.DeletePolicyOutput:
    """Delete a policy that nobody has any more and that has no version but the default one."""
    policy = _own_policy(call, value.PolicyArn, "iam:DeletePolicy")
    if policy.attachments or policy.boundaries:
        raise iam.DeleteConflictException("Cannot delete a policy attached to entities.")
    if len(policy_records.versions_of(call.tx, call.account, policy.id)) > 1:
        raise iam.DeleteConflictException(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
    call.tx.run(policy_records.DELETE_VERSION, call.account, policy.id, policy.default_version)
    call.tx.run(policy_records.DELETE_USE, call.account, policy.arn)
    call.tx.run(policy_records.DELETE_POLICY, call.account, policy.arn)
    call.tx.run(account_records.UNCOUNT, call.account, COUNT)
    call.tx.run(account_records.UNCOUNT, call.account, COUNT_VERSIONS)
    return iam.DeletePolicyOutput()


def delete_policy_version(call: Call, value: iam.DeletePolicyVersionRequest) -> iam.DeletePolicyVersionOutput:
    """Delete a version that is not the default one."""
    policy = _own_policy(call, value.PolicyArn, "iam:DeletePolicyVersion")
    number = _number(value.VersionId)
    if number == policy.default_version:
        raise iam.DeleteConflictException("Cannot delete the default version of a policy.")
    if not call.tx.run(policy_records.DELETE_VERSION, call.account, policy.id, number):
        raise rules.version_not_found(policy.arn, value.VersionId or "")
    call.tx.run(account_records.UNCOUNT, call.account, COUNT_VERSIONS)
    return iam.DeletePolicyVersionOutput()


def aws_policy(call: Call, arn: str | None) -> ManagedPolicy:
    """A policy of AWS; NoSuchEntity names one that Holdfast does not have."""
    found = aws_policies(call.partition).get(arn or "")
    if found is None:
        raise rules.policy_not_found(arn or "")
    return found


def get_policy(call: Call, value: iam.GetPolicyRequest) -> iam.GetPolicyResponse:
    """A managed policy, without its document."""
    policy = find_policy(call, value.PolicyArn, "iam:GetPolicy")
    if policy is not None:
        return iam.GetPolicyResponse(Policy=policy_shape(policy, full=True))
    of_aws = aws_policy(call, value.PolicyArn)
    uses = policy_records.uses_of(call.tx, call.account, of_aws.arn)
    return iam.GetPolicyResponse(Policy=aws_policy_shape(of_aws, uses, full=True))


def _versions(call: Call, arn: str | None, action: str) -> tuple[list[Version], int]:
    """The versions of a policy, the newest first, and its default one; of AWS's only that."""
    policy = find_policy(call, arn, action)
    if policy is not None:
        return policy_records.versions_of(call.tx, call.account, policy.id), policy.default_version
    of_aws = aws_policy(call, arn)
    return [Version(of_aws.version, of_aws.document, of_aws.updated)], of_aws.version


def get_policy_version(call: Call, value: iam.GetPolicyVersionRequest) -> iam.GetPolicyVersionResponse:
    """A version with its document."""
    versions, default = _versions(call, value.PolicyArn, "iam:GetPolicyVersion")
    number = _number(value.VersionId)
    for version in versions:
        if version.version == number:
            return iam.GetPolicyVersionResponse(PolicyVersion=version_shape(version, default, document=True))
    raise rules.version_not_found(value.PolicyArn or "", value.VersionId or "")


def list_policy_versions(call: Call, value: iam.ListPolicyVersionsRequest) -> iam.ListPolicyVersionsResponse:
    """The versions of a policy, the newest first, without their documents."""
    versions, default = _versions(call, value.PolicyArn, "iam:ListPolicyVersions")
    page = page_of_few(
        call,
        "ListPolicyVersions",
        value.PolicyArn,
        value.Marker,
        value.MaxItems,
        versions,
        lambda version: f"{10**9 - version.version:09}",
    )
    return iam.ListPolicyVersionsResponse(
        Versions=[version_shape(version, default, document=False) for version in page.items],
        IsTruncated=page.truncated,
        Marker=page.marker,
    )


def set_default_policy_version(
    call: Call, value: iam.SetDefaultPolicyVersionRequest
) -> iam.SetDefaultPolicyVersionOutput:
    """Let the policy say what another of its versions says."""
    policy = _own_policy(call, value.PolicyArn, "iam:SetDefaultPolicyVersion")
    number = _number(value.VersionId)
    if call.tx.one(policy_records.READ_VERSION, call.account, policy.id, number) is None:
        raise rules.version_not_found(policy.arn, value.VersionId or "")
    call.tx.run(policy_records.WRITE_VERSIONS, number, policy.newest_version, call.now, call.account, policy.arn)
    return iam.SetDefaultPolicyVersionOutput()
