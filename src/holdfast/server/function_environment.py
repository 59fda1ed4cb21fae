"""What an environment of a function is given: variables, certificates to trust, and its role's credentials.

The credentials are of the execution role, whose trust policy is asked when they are made, and they are fenced to the
attempt that the environment is for.

Threat: a function that talks to AWS, or to a server that is not this one, because its own configuration says so. AWS's own
names lead here; another endpoint must be named as such.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.services.functions import NotInvoked

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.services.lambda_.records import Version

CREDENTIALS_SECONDS = 6 * 3600
PATH = "/usr/local/bin:/usr/bin:/bin"
STREAM_DIGITS = "0123456789abcdef"


def variables_of(
    version: Version,
    *,
    folder: Path,
    scratch: Path,
    support: Path,
    runtime_api: str,
    endpoint: str,
    day: str,
    stream: str,
    bundle: Path | None,
) -> dict[str, str]:
    """What Lambda sets ("Defined runtime environment variables", developer guide), and where this server is.

    `day` and `stream` name the log stream, `bundle` the certificates to trust in place of the machine's.
    """
    from holdfast.services.lambda_.configurations import log_group_of
    from holdfast.services.lambda_.identifiers import version_text

    number = version_text(version.version)
    variables = {
        "AWS_DEFAULT_REGION": version.region,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_size),
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": number,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": version.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group_of(version),
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[{number}]{stream}",
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": version.region,
        "HOME": str(scratch),
        "LAMBDA_RUNTIME_DIR": str(support),
        "LAMBDA_TASK_ROOT": str(folder),
        "LANG": "C.UTF-8",
        "PATH": PATH,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(support),
        "PYTHONUNBUFFERED": "1",
        "SECRETS_MANAGER_ENDPOINT": endpoint,
        "TMPDIR": str(scratch),
        "TZ": ":UTC",
        "_HANDLER": version.handler,
    }
    if version.log_level:
        variables["AWS_LAMBDA_LOG_LEVEL"] = version.log_level
    if bundle is not None:
        variables["AWS_CA_BUNDLE"] = variables["HOLDFAST_CA_BUNDLE"] = str(bundle)
    return variables


def merged_variables(given: dict[str, str], own: dict[str, str]) -> dict[str, str]:
    """The function's own variables with those that the server sets.

    A function may name another endpoint, but AWS's own names lead here: its configuration was written for AWS.
    """
    merged = {**own, **given}
    for name in ("AWS_ENDPOINT_URL", "SECRETS_MANAGER_ENDPOINT"):
        if ".amazonaws.com" in merged[name]:
            merged[name] = own[name]
    if "PYTHONPATH" in given:
        merged["PYTHONPATH"] = f"{own['PYTHONPATH']}:{given['PYTHONPATH']}"
    return merged


def own_endpoint(endpoint: str) -> str:
    """Where a function on this machine reaches the server."""
    return endpoint.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def bundle_in(root: Path, named: Path | None, certificate: Path | None) -> Path | None:
    """The certificates that functions trust, copied where they can read them; None for this machine's.

    `named` is the setting's, `certificate` the server's own, which is trusted beside the machine's.
    """
    if named is None and certificate is None:
        return None
    copy = root / "ca.pem"
    if not copy.exists():
        content = b""
        for place in (named,) if named else (_machine_bundle(), certificate):
            with contextlib.suppress(OSError):
                content += place.read_bytes() + b"\n" if place is not None else b""
        copy.write_bytes(content)
        copy.chmod(0o644)
    return copy


def _machine_bundle() -> Path | None:
    """This machine's certificates."""
    import ssl

    found = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    return Path(found) if os.path.exists(found) else None  # noqa: PTH110


def credentials_of(call: Call, version: Version, held: tuple[str, str]) -> dict[str, str]:
    """Temporary credentials of the execution role, whose trust policy is asked now."""
    from holdfast.services.lambda_.finding import trusts_lambda
    from holdfast.services.lambda_.rules import NOT_ASSUMABLE
    from holdfast.services.sts.credentials import issue
    from holdfast.services.sts.session_token import SessionKind

    account, name = version.role.split(":")[4], version.role.rsplit("/", 1)[-1]
    role = call.surroundings.principals.role(call.tx, account, name)
    if role is None or not trusts_lambda(call, version.role):
        raise NotInvoked(NOT_ASSUMABLE)
    issued = issue(
        call,
        SessionKind.ROLE,
        account,
        role.role_id,
        role.name,
        CREDENTIALS_SECONDS,
        session_name=version.name,
        fence=held,
    ).credentials
    return {
        "AWS_ACCESS_KEY_ID": issued.AccessKeyId or "",
        "AWS_SECRET_ACCESS_KEY": issued.SecretAccessKey or "",
        "AWS_SESSION_TOKEN": issued.SessionToken or "",
    }
