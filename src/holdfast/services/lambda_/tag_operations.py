"""TagResource, UntagResource, ListTags; and what Terraform asks beside them: code signing, reserved concurrency."""

from __future__ import annotations

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.finding import find, refer
from holdfast.services.lambda_.identifiers import Reference, parse_function_arn
from holdfast.services.lambda_.tags import merged
from holdfast.services.stored_tags import decode_tags, encode_tags, request_context

ACCOUNT_CONCURRENCY = 1000
UNRESERVED = 100


def _where(resource: str | None) -> Reference:
    where = parse_function_arn(resource or "")
    if where is None:
        raise api.ResourceNotFoundException(f"The resource {resource} does not exist.")
    if where.qualifier:
        raise api.InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return where


def tag_resource(call: Call, value: api.TagResourceRequest) -> api.TagResourceOutput:
    given = value.Tags or {}
    found = find(call, _where(value.Resource), "lambda:TagResource", request_context(given))
    after = merged(decode_tags(found.function.tags), given)
    call.tx.run(records.WRITE_TAGS, encode_tags(after), *found.function.key)
    return api.TagResourceOutput()


def untag_resource(call: Call, value: api.UntagResourceRequest) -> api.UntagResourceOutput:
    keys = value.TagKeys or []
    found = find(call, _where(value.Resource), "lambda:UntagResource", {"aws:TagKeys": keys})
    after = {key: tag for key, tag in decode_tags(found.function.tags).items() if key not in keys}
    call.tx.run(records.WRITE_TAGS, encode_tags(after), *found.function.key)
    return api.UntagResourceOutput()


def list_tags(call: Call, value: api.ListTagsRequest) -> api.ListTagsResponse:
    found = find(call, _where(value.Resource), "lambda:ListTags")
    return api.ListTagsResponse(Tags=decode_tags(found.function.tags))


def get_function_code_signing_config(
    call: Call, value: api.GetFunctionCodeSigningConfigRequest
) -> api.GetFunctionCodeSigningConfigResponse:
    """No function has one: AWS then answers without its ARN."""
    where = refer(call, value.FunctionName)
    find(call, where._replace(qualifier=""), "lambda:GetFunctionCodeSigningConfig")
    return api.GetFunctionCodeSigningConfigResponse(CodeSigningConfigArn="", FunctionName=where.name)


def get_function_concurrency(
    call: Call, value: api.GetFunctionConcurrencyRequest
) -> api.GetFunctionConcurrencyResponse:
    found = find(call, refer(call, value.FunctionName), "lambda:GetFunctionConcurrency")
    reserved = found.function.reserved_concurrency
    return api.GetFunctionConcurrencyResponse(ReservedConcurrentExecutions=reserved if reserved >= 0 else None)


def put_function_concurrency(call: Call, value: api.PutFunctionConcurrencyRequest) -> api.Concurrency:
    """How many invocations of a function may run at once; none at all with 0."""
    found = find(call, refer(call, value.FunctionName), "lambda:PutFunctionConcurrency")
    reserved = value.ReservedConcurrentExecutions or 0
    if reserved > ACCOUNT_CONCURRENCY - UNRESERVED:
        raise api.InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED}]."
        )
    call.tx.run(records.WRITE_CONCURRENCY, reserved, *found.function.key)
    return api.Concurrency(ReservedConcurrentExecutions=reserved)


def delete_function_concurrency(
    call: Call, value: api.DeleteFunctionConcurrencyRequest
) -> api.DeleteFunctionConcurrencyOutput:
    found = find(call, refer(call, value.FunctionName), "lambda:DeleteFunctionConcurrency")
    call.tx.run(records.WRITE_CONCURRENCY, -1, *found.function.key)
    return api.DeleteFunctionConcurrencyOutput()
