"""A version of a function as answers show it."""

from __future__ import annotations

from holdfast.api import lambda_ as api
from holdfast.services.call import Call
from holdfast.services.lambda_ import records
from holdfast.services.lambda_.identifiers import Reference, version_text
from holdfast.services.lambda_.records import Version
from holdfast.services.lambda_.rules import decoded_environment, modified_text


def log_group_of(version: Version) -> str:
    return version.log_group or f"/aws/lambda/{version.name}"


def shown(call: Call, version: Version, *, qualified: bool) -> api.FunctionConfiguration:
    """The configuration; `qualified` has the version in the ARN, as it was asked for with one."""
    number = version_text(version.version)
    where = Reference(*version.key, number if qualified else "")
    environment = None
    if version.environment_sealed is not None:
        variables = decoded_environment(records.open_environment(call.vault, version))
        environment = api.EnvironmentResponse(Variables=variables)
    return api.FunctionConfiguration(
        FunctionName=version.name,
        FunctionArn=where.arn(call.partition),
        Runtime=version.runtime,
        Role=version.role,
        Handler=version.handler,
        CodeSize=version.code_size,
        Description=version.description,
        Timeout=version.timeout,
        MemorySize=version.memory_size,
        LastModified=modified_text(version.last_modified),
        CodeSha256=version.code_sha256,
        Version=number,
        Environment=environment,
        TracingConfig=api.TracingConfigResponse(Mode="PassThrough"),
        RevisionId=version.revision_id,
        State="Active",
        LastUpdateStatus="Successful",
        PackageType="Zip",
        Architectures=[version.architecture],
        EphemeralStorage=api.EphemeralStorage(Size=version.storage_size),
        SnapStart=api.SnapStartResponse(ApplyOn="None", OptimizationStatus="Off"),
        LoggingConfig=api.LoggingConfig(
            LogFormat=version.log_format,
            ApplicationLogLevel=version.log_level or None,
            LogGroup=log_group_of(version),
        ),
    )
