"""UpdateFunctionCode, UpdateFunctionConfiguration. Both change `$LATEST` only."""

from __future__ import annotations

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.configurations import shown
from holdfast.services.lambda_.finding import check_revision, check_role, find_version, refer
from holdfast.services.lambda_.function_operations import checked_architecture, logging_of, seal, zip_of
from holdfast.services.lambda_.records import Version
from holdfast.services.lambda_.rules import (
    absent_parameter,
    check_limits,
    check_runtime,
    code_sha256,
    refuse_absent,
)
from holdfast.services.lambda_.version_operations import publish


def update_function_code(call: Call, value: api.UpdateFunctionCodeRequest) -> api.FunctionConfiguration:
    where = refer(call, value.FunctionName)._replace(qualifier="")
    _, version = find_version(call, where, "lambda:UpdateFunctionCode")
    if value.PublishTo is not None:
        raise absent_parameter("UpdateFunctionCode", "PublishTo")
    content = zip_of(value, "UpdateFunctionCode")
    check_revision(value.RevisionId, version.revision_id)
    sha256 = code_sha256(content)
    after = version._replace(
        code_sha256=sha256,
        code_size=len(content),
        architecture=checked_architecture(value.Architectures or [version.architecture], version.runtime),
        last_modified=call.now,
        revision_id=call.randomness.uuid4(),
    )
    if value.DryRun:
        return shown(call, after, qualified=False)
    records.insert_code(call.tx, call.vault, where.key, sha256, content)
    records.update_version(call.tx, after)
    call.tx.run(records.REMOVE_UNUSED_CODE, *where.key)
    if value.Publish:
        return shown(call, publish(call, after, after.description), qualified=True)
    return shown(call, after, qualified=False)


def update_function_configuration(
    call: Call, value: api.UpdateFunctionConfigurationRequest
) -> api.FunctionConfiguration:
    """What is not sent stays as it is."""
    where = refer(call, value.FunctionName)._replace(qualifier="")
    _, version = find_version(call, where, "lambda:UpdateFunctionConfiguration")
    refuse_absent("UpdateFunctionConfiguration", value)
    storage = value.EphemeralStorage.Size if value.EphemeralStorage else None
    check_limits(value.Timeout, value.MemorySize, storage)
    if value.Runtime is not None:
        check_runtime(value.Runtime)
    check_revision(value.RevisionId, version.revision_id)
    if value.Role is not None and value.Role != version.role:
        check_role(call, where, value.Role)
    after = version._replace(
        runtime=value.Runtime or version.runtime,
        handler=value.Handler or version.handler,
        role=value.Role or version.role,
        description=version.description if value.Description is None else value.Description,
        timeout=value.Timeout or version.timeout,
        memory_size=value.MemorySize or version.memory_size,
        storage_size=storage or version.storage_size,
        last_modified=call.now,
        revision_id=call.randomness.uuid4(),
    )
    after = _with_logging(after, value.LoggingConfig)
    if value.Environment is not None:
        variables = value.Environment.Variables
        after = after._replace(environment_sealed=seal(call, where, variables) if variables else None)
    records.update_version(call.tx, after)
    return shown(call, after, qualified=False)


def _with_logging(version: Version, value: api.LoggingConfig | None) -> Version:
    if value is None:
        return version
    log_format, level, group = logging_of("UpdateFunctionConfiguration", value)
    return version._replace(log_format=log_format, log_level=level, log_group=group or version.log_group)
