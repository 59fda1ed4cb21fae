"""AddPermission, RemovePermission, GetPolicy: the resource policy of a function, of a version or of an alias."""

from __future__ import annotations

import json

from holdfast.access.decision import ContextValue
from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.finding import check_revision, find, not_found, policy_qualifier, refer
from holdfast.services.lambda_.identifiers import Reference
from holdfast.services.lambda_.policies import (
    lasting_policy,
    new_statement,
    policy_text,
    principal_of,
    statements_of,
)
from holdfast.services.lambda_.records import Policy
from holdfast.services.lambda_.rules import absent_parameter
from holdfast.services.named_principals import shown_policy

NO_POLICY = "The resource you requested does not exist."
NOTHING = Policy("", "")


def _where(call: Call, function_name: str | None, qualifier: str | None) -> Reference:
    where = refer(call, function_name, qualifier)
    return where._replace(qualifier=policy_qualifier(where.qualifier))


def add_permission(call: Call, value: api.AddPermissionRequest) -> api.AddPermissionResponse:
    where = _where(call, value.FunctionName, value.Qualifier)
    context: dict[str, ContextValue] = {"lambda:Principal": value.Principal or ""}
    find(call, where, "lambda:AddPermission", context)
    for name in ("FunctionUrlAuthType", "InvokedViaFunctionUrl", "EventSourceToken"):
        if getattr(value, name) is not None:
            raise absent_parameter("AddPermission", name)
    if where.qualifier and records.resolve(call.tx, where) is None:
        raise not_found(call, where)
    before = records.read_policy(call.tx, where.key, where.qualifier) or NOTHING
    check_revision(value.RevisionId, before.revision_id)
    statements = statements_of(before.text)
    if any(statement["Sid"] == value.StatementId for statement in statements):
        raise api.ResourceConflictException(
            f"The statement id ({value.StatementId}) provided already exists. Please provide a new statement id, or "
            "remove the existing statement."
        )
    statement = new_statement(call, value, where.arn(call.partition))
    text = lasting_policy(call, policy_text([*statements, statement]))
    call.tx.run(records.WRITE_POLICY, *where.key, where.qualifier, text, call.randomness.uuid4())
    return api.AddPermissionResponse(Statement=json.dumps(statement, ensure_ascii=False, separators=(",", ":")))


def remove_permission(call: Call, value: api.RemovePermissionRequest) -> api.RemovePermissionOutput:
    where = _where(call, value.FunctionName, value.Qualifier)
    before = records.read_policy(call.tx, where.key, where.qualifier)
    statements = statements_of(before.text) if before else []
    # "lambda:Principal" is whose permission it is (Service Authorization Reference): only the statement says that.
    context: dict[str, ContextValue] = {}
    for statement in statements:
        if statement["Sid"] == value.StatementId:
            context["lambda:Principal"] = principal_of(call, statement)
    find(call, where, "lambda:RemovePermission", context)
    if before is None:
        raise api.ResourceNotFoundException("No policy is associated with the given resource.")
    check_revision(value.RevisionId, before.revision_id)
    left = [statement for statement in statements if statement["Sid"] != value.StatementId]
    if len(left) == len(statements):
        raise api.ResourceNotFoundException(f"Statement {value.StatementId} is not found in resource policy.")
    if left:
        text = policy_text(left)
        call.tx.run(records.WRITE_POLICY, *where.key, where.qualifier, text, call.randomness.uuid4())
    else:
        call.tx.run(records.REMOVE_POLICY, *where.key, where.qualifier)
    return api.RemovePermissionOutput()


def get_policy(call: Call, value: api.GetPolicyRequest) -> api.GetPolicyResponse:
    where = _where(call, value.FunctionName, value.Qualifier)
    find(call, where, "lambda:GetPolicy")
    policy = records.read_policy(call.tx, where.key, where.qualifier)
    if policy is None:
        raise api.ResourceNotFoundException(NO_POLICY)
    return api.GetPolicyResponse(Policy=shown_policy(call, policy.text), RevisionId=policy.revision_id)
