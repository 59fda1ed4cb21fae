"""CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction."""

from __future__ import annotations

import platform
from typing import Any

from holdfast.api import lambda_ as api
from holdfast.api.base import NotImplementedException
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.configurations import shown
from holdfast.services.lambda_.finding import check_role, find, find_version, not_found, refer
from holdfast.services.lambda_.identifiers import LATEST, Reference, version_number
from holdfast.services.lambda_.pages import begin, end
from holdfast.services.lambda_.records import Function, Version
from holdfast.services.lambda_.rules import (
    NO_CODE,
    NO_ENTRY,
    UNPUBLISHED,
    absent_parameter,
    check_limits,
    check_runtime,
    check_zip,
    code_sha256,
    encoded_environment,
    refuse_absent,
)
from holdfast.services.lambda_.tags import merged
from holdfast.services.lambda_.version_operations import publish
from holdfast.services.stored_tags import decode_tags, encode_tags, request_context

ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
DEFAULT_ARCHITECTURE = "x86_64"


def zip_of(code: Any, operation: str) -> bytes:
    """The zip file of a request; what says where else the code is, is refused by name."""
    for name in ("S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode", "ImageUri", "SourceKMSKeyArn"):
        if getattr(code, name, None):
            raise absent_parameter(operation, name)
    if code is None or code.ZipFile is None:
        raise api.InvalidParameterValueException(NO_CODE)
    check_zip(code.ZipFile)
    return code.ZipFile


def checked_architecture(given: list[str] | None, runtime: str) -> str:
    """The architecture; one that this machine is not runs Python all the same, and nothing else."""
    architecture = given[0] if given else DEFAULT_ARCHITECTURE
    machine = ARCHITECTURES.get(platform.machine(), "")
    if given and architecture != machine and not runtime.startswith("python"):
        raise NotImplementedException(f"Holdfast does not run code for {architecture} on a machine that is {machine}.")
    return architecture


def logging_of(operation: str, value: api.LoggingConfig | None) -> tuple[str, str, str]:
    """Format, level and group of the log."""
    if value is None:
        return "Text", "", ""
    if value.SystemLogLevel is not None:
        raise absent_parameter(operation, "LoggingConfig.SystemLogLevel")
    log_format = value.LogFormat or "Text"
    if value.ApplicationLogLevel is not None and log_format != "JSON":
        raise api.InvalidParameterValueException("Log levels can only be set when the log format is JSON.")
    level = value.ApplicationLogLevel or ("INFO" if log_format == "JSON" else "")
    return log_format, level, value.LogGroup or ""


def create_function(call: Call, value: api.CreateFunctionRequest) -> api.FunctionConfiguration:
    """A new function, active at once."""
    assert value.Role is not None
    where = refer(call, value.FunctionName)
    tags = merged({}, value.Tags or {})
    context = request_context(tags)
    call.authorize(
        "lambda:CreateFunction", where._replace(qualifier="").arn(call.partition), context, owner=where.account
    )
    _check_place(call, where)
    refuse_absent("CreateFunction", value)
    if value.PackageType == "Image":
        raise absent_parameter("CreateFunction", "PackageType=Image")
    if not value.Runtime or not value.Handler:
        raise api.InvalidParameterValueException(NO_ENTRY)
    check_runtime(value.Runtime)
    storage = value.EphemeralStorage.Size if value.EphemeralStorage else None
    check_limits(value.Timeout, value.MemorySize, storage)
    content = zip_of(value.Code, "CreateFunction")
    variables = value.Environment.Variables if value.Environment else None
    log_format, log_level, log_group = logging_of("CreateFunction", value.LoggingConfig)
    check_role(call, where, value.Role)
    if records.read_function(call.tx, where.key) is not None:
        raise api.ResourceConflictException(f"Function already exist: {where.name}")
    sha256 = code_sha256(content)
    version = Version(
        *where.key,
        version=0,
        runtime=value.Runtime,
        handler=value.Handler,
        role=value.Role,
        description=value.Description or "",
        timeout=value.Timeout or 3,
        memory_size=value.MemorySize or 128,
        storage_size=storage or 512,
        architecture=checked_architecture(value.Architectures, value.Runtime),
        log_format=log_format,
        log_level=log_level,
        log_group=log_group,
        last_modified=call.now,
        code_sha256=sha256,
        code_size=len(content),
        revision_id=call.randomness.uuid4(),
        environment_sealed=seal(call, where, variables) if variables else None,
    )
    call.tx.run(records.INSERT_FUNCTION, *Function(*where.key, call.now, 0, -1, encode_tags(tags)))
    records.insert_code(call.tx, call.vault, where.key, sha256, content)
    records.insert_version(call.tx, version)
    if value.Publish:
        return shown(call, publish(call, version, version.description), qualified=True)
    return shown(call, version, qualified=False)


def seal(call: Call, where: Reference, variables: dict[str, str], version: int = 0) -> bytes:
    return records.seal_environment(call.vault, where.key, version, encoded_environment(variables))


def _check_place(call: Call, where: Reference) -> None:
    """A function is made under its plain name, in the caller's own account."""
    if where.qualifier:
        raise api.InvalidParameterValueException("A function cannot be created with a qualifier in its name.")
    if where.account != call.account:
        raise api.InvalidParameterValueException("A function cannot be created in another account.")


def get_function(call: Call, value: api.GetFunctionRequest) -> api.GetFunctionResponse:
    """The configuration with what belongs to the whole function."""
    where = refer(call, value.FunctionName, value.Qualifier)
    found, version = find_version(call, where, "lambda:GetFunction")
    reserved = found.function.reserved_concurrency
    return api.GetFunctionResponse(
        Configuration=shown(call, version, qualified=bool(where.qualifier)),
        Code=api.FunctionCodeLocation(
            RepositoryType="S3", Location=call.surroundings.functions.code_location(version.key, version.code_sha256)
        ),
        Tags=decode_tags(found.function.tags) or None,
        Concurrency=api.Concurrency(ReservedConcurrentExecutions=reserved) if reserved >= 0 else None,
    )


def get_function_configuration(call: Call, value: api.GetFunctionConfigurationRequest) -> api.FunctionConfiguration:
    where = refer(call, value.FunctionName, value.Qualifier)
    _, version = find_version(call, where, "lambda:GetFunctionConfiguration")
    return shown(call, version, qualified=bool(where.qualifier))


def list_functions(call: Call, value: api.ListFunctionsRequest) -> api.ListFunctionsResponse:
    """Every function's `$LATEST`, or every version, in the order of the names."""
    call.authorize("lambda:ListFunctions", "*")
    if value.MasterRegion not in (None, "ALL", call.region):
        return api.ListFunctionsResponse(Functions=[])
    every = value.FunctionVersion == "ALL"
    size, position = begin(call, "ListFunctions", every, value.Marker, value.MaxItems)
    if every:
        last: list[Any] = position or ["", -1]
        rows = call.tx.all(records.LIST_ALL_VERSIONS, call.account, call.region, *last, size + 1)
    else:
        rows = call.tx.all(records.LIST_FUNCTIONS, call.account, call.region, *(position or [""]), size + 1)
    versions = [Version(*row) for row in rows[:size]]
    marker = None
    if len(rows) > size:
        newest = versions[-1]
        marker = end(call, "ListFunctions", every, [newest.name, newest.version] if every else [newest.name])
    return api.ListFunctionsResponse(
        Functions=[shown(call, version, qualified=every) for version in versions], NextMarker=marker
    )


def delete_function(call: Call, value: api.DeleteFunctionRequest) -> api.DeleteFunctionResponse:
    """The function with all that belongs to it, or one published version."""
    where = refer(call, value.FunctionName, value.Qualifier)
    found = find(call, where, "lambda:DeleteFunction")
    if not where.qualifier:
        for statement in records.REMOVE_ALL:
            call.tx.run(statement, *found.function.key)
        return api.DeleteFunctionResponse(StatusCode=204)
    if where.qualifier == LATEST:
        raise api.InvalidParameterValueException(UNPUBLISHED)
    number = version_number(where.qualifier)
    if number is None:
        raise api.InvalidParameterValueException("Deletion of an alias is done with DeleteAlias.")
    named = [row[0] for row in call.tx.all(records.ALIASES_OF_VERSION, *where.key, number)]
    if named:
        raise api.ResourceConflictException(
            f"Version {number} cannot be deleted because aliases point to it: {', '.join(named)}"
        )
    if call.tx.run(records.REMOVE_VERSION, *where.key, number) == 0:
        raise not_found(call, where)
    call.tx.run(records.REMOVE_POLICY, *where.key, where.qualifier)
    call.tx.run(records.REMOVE_UNUSED_CODE, *where.key)
    return api.DeleteFunctionResponse(StatusCode=204)
