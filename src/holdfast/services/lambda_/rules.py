"""Rules of functions that need nothing but their arguments: what may be set, zip files, environments, texts.

What this server cannot honour is refused by its name, never kept and ignored. Quotas are AWS's ("Lambda quotas", developer
guide); of a zip file only the directory is read here, so an archive that unpacks to more than is allowed costs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdfast.api import lambda_ as api
from holdfast.api.base import NotImplementedException, Shape, ValidationException

LONGEST_TIMEOUT = 900
LARGEST_MEMORY = 10_240
LARGEST_STORAGE = 10_240
LARGEST_ENVIRONMENT = 4096
LARGEST_UNZIPPED = 262_144_000
LARGEST_ZIP = 52_428_800
LARGEST_PAYLOAD = 6_291_556
LARGEST_EVENT = 1_048_576
LONGEST_CLIENT_CONTEXT = 3583
"""Characters of base64 (Lambda API reference, Invoke)."""
MOST_FILES = 20_000
ENTRY_POINT = "bootstrap"

UNPUBLISHED = "$LATEST version cannot be deleted without deleting the function."
NO_CODE = "Please provide a source for function code."
BAD_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
TOO_LARGE = f"Unzipped size must be smaller than {LARGEST_UNZIPPED} bytes"
NO_ENTRY = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
CHANGED = (
    "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the "
    "latest RevisionId"
)
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."
RESERVED = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
    }
)
"""Variables that Lambda sets ("Defined runtime environment variables", developer guide)."""

_ABSENT = (
    "AcceleratorConfig",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DeadLetterConfig",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "KMSKeyArn",
    "Layers",
    "PublishTo",
    "RuntimeConfig",
    "SnapStart",
    "TenancyConfig",
    "TracingConfig",
    "VpcConfig",
)
_HARMLESS = {"SnapStart": {"ApplyOn": "None"}, "TracingConfig": {"Mode": "PassThrough"}}
"""What says the default, so that there is nothing to honour."""


def refuse_absent(operation: str, value: Shape) -> None:
    """NotImplementedException for a parameter that says something this server does not do."""
    for name in _ABSENT:
        given = getattr(value, name, None)
        if given is None or not _says(given) or _plain(given) == _HARMLESS.get(name):
            continue
        raise absent_parameter(operation, name)


def absent_parameter(operation: str, name: str) -> NotImplementedException:
    return NotImplementedException(f"Holdfast does not implement the parameter {name} of lambda:{operation} yet.")


def _plain(value: Any) -> dict[str, Any]:
    if not isinstance(value, Shape):
        return {}
    return {name: found for name in value.__struct_fields__ if (found := getattr(value, name)) is not None}


def _says(value: Any) -> bool:
    """Whether anything is in it: empty lists and structures are how clients take a setting away."""
    if isinstance(value, Shape):
        return any(_says(found) for name, found in _plain(value).items() if name != "Ipv6AllowedForDualStack")
    return bool(value)


def violated(value: object, member: str, constraint: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )


def check_limits(timeout: int | None, memory_size: int | None, storage: int | None) -> None:
    """The limits of functions; the model's are those of every kind of function there is."""
    for value, member, most in (
        (timeout, "timeout", LONGEST_TIMEOUT),
        (memory_size, "memorySize", LARGEST_MEMORY),
        (storage, "ephemeralStorage.size", LARGEST_STORAGE),
    ):
        if value is not None and value > most:
            raise violated(value, member, f"Member must have value less than or equal to {most}")


def check_runtime(runtime: str) -> None:
    """NotImplementedException for a runtime that nothing here runs."""
    if not runtime.startswith(("python3.", "provided")):
        raise NotImplementedException(
            f"Holdfast does not run functions with the runtime {runtime}: it runs python3.* and provided.*"
        )


# -- code ---------------------------------------------------------------------------------------------------------------


def code_sha256(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def check_zip(content: bytes) -> None:
    """InvalidParameterValueException for what is not a zip file, or is one that nobody should unpack."""
    if not content:
        raise api.InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if len(content) > LARGEST_ZIP:
        raise api.RequestTooLargeException(f"Request must be smaller than {LARGEST_ZIP * 4 // 3} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, UnicodeDecodeError):
        entries = None
    if entries is None or any(_escapes(entry.filename) or entry.flag_bits & 1 for entry in entries):
        raise api.InvalidParameterValueException(BAD_ZIP)
    if not entries:
        raise api.InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) >= LARGEST_UNZIPPED:
        raise api.InvalidParameterValueException(TOO_LARGE)


def _escapes(name: str) -> bool:
    """Whether a name leads out of the folder that the archive is unpacked into."""
    parts = name.replace("\\", "/").split("/")
    return name.startswith("/") or ".." in parts or "\0" in name


# -- environment --------------------------------------------------------------------------------------------------------


def encoded_environment(variables: Mapping[str, str]) -> bytes:
    """The variables as they are kept; InvalidParameterValueException. No text repeats a value."""
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise api.InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    encoded = json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode()
    if len(encoded) > LARGEST_ENVIRONMENT:
        raise api.InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided exceeded the 4KB limit."
        )
    return encoded


def decoded_environment(encoded: bytes) -> dict[str, str]:
    return json.loads(encoded) if encoded else {}


# -- dates --------------------------------------------------------------------------------------------------------------


def modified_text(milliseconds: int) -> str:
    """`2024-01-31T12:00:00.000+0000`, as LastModified is written."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}+0000"
