"""What several operations share: ARNs of this call, page tokens, and rows in the shapes of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.access.decision import EMPTY_CONTEXT, Context
from holdfast.api import ssm as api
from holdfast.services.paging import BadToken, position_of
from holdfast.services.ssm import policies, rules
from holdfast.services.ssm.records import Parameter, Value
from holdfast.services.ssm.values import reveal
from holdfast.services.ssm.version_records import Version
from holdfast.services.stored_tags import resource_context

if TYPE_CHECKING:
    from holdfast.services.call import Call

T = TypeVar("T")


def required(value: T | None) -> T:
    """A member that validation found to be there."""
    assert value is not None
    return value


def arn(call: Call, account: str, path: str) -> str:
    """The ARN of a parameter in this call's region."""
    return rules.arn_of(call.partition, call.region, account, path)


def tag_context(tags: str) -> Context:
    """The condition keys that a parameter's tags give, Systems Manager's own too; `tags` is the column of that name."""
    return resource_context(tags, "ssm:resourceTag/") if tags else EMPTY_CONTEXT


def token_position(call: Call, operation: str, filters: object, token: str | None) -> list[Any] | None:
    """The position inside a NextToken; None when none was sent. Raises InvalidNextToken."""
    if not token:
        return None
    try:
        return position_of(call, operation, filters, token)
    except BadToken:
        raise api.InvalidNextToken("The specified token isn't valid.") from None


def parameter(call: Call, value: Value, *, decrypt: bool, selector: str | None = None) -> api.Parameter:
    """One version as the Get operations show it."""
    assert value.version is not None
    return api.Parameter(
        Name=value.name,
        Type=value.type,
        Value=reveal(call, value.account, value.path, value.version, value.stored, decrypt=decrypt),
        Version=value.version,
        Selector=selector,
        LastModifiedDate=value.modified / 1000,
        ARN=arn(call, value.account, value.path),
        DataType=value.data_type,
    )


def inline_policies(column: str) -> list[api.ParameterInlinePolicy]:
    """Parameter policies as DescribeParameters and GetParameterHistory show them."""
    return [
        api.ParameterInlinePolicy(PolicyText=policy.text, PolicyType=policy.type, PolicyStatus=policy.status)
        for policy in policies.decode(column)
    ]


def metadata(call: Call, found: Parameter) -> api.ParameterMetadata:
    """A parameter as DescribeParameters shows it."""
    settings = found.settings
    return api.ParameterMetadata(
        Name=found.name,
        ARN=arn(call, found.account, found.path),
        Type=settings.type,
        KeyId=settings.key_id or None,
        LastModifiedDate=found.modified / 1000,
        LastModifiedUser=found.modified_by,
        Description=settings.description or None,
        AllowedPattern=settings.allowed_pattern or None,
        Version=found.version,
        Tier=settings.tier,
        Policies=inline_policies(settings.policies),
        DataType=settings.data_type,
    )


def history(
    call: Call, found: Parameter, version: Version, labels: list[str], *, decrypt: bool
) -> api.ParameterHistory:
    """One version as GetParameterHistory shows it."""
    settings = version.settings
    return api.ParameterHistory(
        Name=found.name,
        Type=settings.type,
        KeyId=settings.key_id or None,
        LastModifiedDate=version.modified / 1000,
        LastModifiedUser=version.modified_by,
        Description=settings.description or None,
        Value=reveal(
            call,
            found.account,
            found.path,
            version.version,
            (version.value_sealed, version.value_encrypted),
            decrypt=decrypt,
        ),
        AllowedPattern=settings.allowed_pattern or None,
        Version=version.version,
        Labels=labels,
        Tier=settings.tier,
        Policies=inline_policies(settings.policies),
        DataType=settings.data_type,
    )
