"""What one step of a rotation does, for built-in engines and for users' functions.

    built-in   createSecret and finishSecret are transactions; setSecret and testSecret read the values in a transaction,
               as the service-linked role, and then talk to the database in a thread
    function   every step is one invocation with {"Step", "SecretId", "ClientRequestToken", "RotationToken"}

A step either ends inside the transaction (`Done`) or answers an effect whose end is another `Done`. A repeated step is
harmless: a version that has a value gets no second one, and engines may be asked twice for everything.

Threat: a password in the timeline. What a function answers or logs is kept only after the secret's own values have been
taken out of it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from holdfast.api import secretsmanager as api
from holdfast.api.base import ServiceError
from holdfast.rotation.engine import Engine, RotationError, Values
from holdfast.services.call import Call
from holdfast.services.functions import NotInvoked
from holdfast.services.secretsmanager import rules
from holdfast.services.secretsmanager.rotation_functions import PRINCIPAL
from holdfast.services.secretsmanager.rotation_rules import CREATE, FINISH, SET
from holdfast.work.threads import in_thread

SERVICE_NAME = "secretsmanager"
LONGEST_TEXT = 4096
HIDDEN = "***"
PLAIN = frozenset(("engine", "host", "port", "dbname", "username", "ssl", "masterarn", "dbInstanceIdentifier"))
"""Members of a secret that a timeline may show."""


class Done(NamedTuple):
    """How a step ended; `error` is empty when it succeeded."""

    error: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt of one rotation."""

    account: str
    region: str
    name: str
    suffix: str
    arn: str
    token: str
    attempt: int
    test: bool
    function_arn: str
    rotation_token: str


StepEffect = Callable[[], Awaitable[Done]]


# -- built-in -----------------------------------------------------------------------------------------------------------


def built_in(call: Call, run: Run, engine: Engine, step: str) -> Done | StepEffect:
    """One step of a built-in engine. It raises nothing: what fails is told in the `Done`."""
    try:
        if step == CREATE:
            _create(call, run, engine)
            return Done()
        if step == FINISH:
            _finish(call, run)
            return Done()
        values = read_values(call, run.arn, run.token)
        engine.require(values.current)
    except (RotationError, ServiceError) as error:
        return Done(_text(error))
    settings = call.surroundings.rotation.settings
    method = engine.set_secret if step == SET else engine.test_secret

    async def effect() -> Done:
        try:
            await in_thread(lambda: method(values, settings))
        except RotationError as error:
            return Done(_text(error))
        except Exception as error:  # noqa: BLE001 - a driver's exception may quote a password: its type must do
            return Done(f"{type(error).__name__} in the built-in rotation")
        return Done()

    return effect


def read_values(call: Call, arn: str, pending: str | None) -> Values:
    """The secrets that an engine works with, read as whoever calls. Raises RotationError, ServiceError."""
    current = _fields(call, "AWSCURRENT", SecretId=arn, VersionStage=rules.CURRENT)
    if current is None:
        raise RotationError("The secret has no current value: put one with the user name and password to begin with.")
    found = None if pending is None else _fields(call, "AWSPENDING", SecretId=arn, VersionId=pending)
    previous = _fields(call, "AWSPREVIOUS", lenient=True, SecretId=arn, VersionStage=rules.PREVIOUS)
    master_arn = current.get("masterarn")
    master = _fields(call, "masterarn", SecretId=str(master_arn)) if master_arn else None
    return Values(current, found, previous, master)


def _fields(call: Call, label: str, *, lenient: bool = False, **members: str) -> dict[str, Any] | None:
    request = api.GetSecretValueRequest(**members)
    try:
        text = call.on_behalf(api.GetSecretValue, request, by=SERVICE_NAME).SecretString
    except api.ResourceNotFoundException:
        if label == "masterarn":
            raise RotationError("The secret that masterarn names is not there, or in another Region.") from None
        return None
    try:
        value: object = json.loads(text or "")
    except ValueError:
        value = None
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    if lenient:
        return None
    raise RotationError(f"The value of {label} is not a JSON object with host, username and password.")


def _create(call: Call, run: Run, engine: Engine) -> None:
    values = read_values(call, run.arn, run.token)
    engine.require(values.current)
    if values.pending is not None:
        return  # a second password for one token would lose the first, which the database may have by now
    rule = engine.password_rules(values.current)
    made = call.on_behalf(
        api.GetRandomPassword,
        api.GetRandomPasswordRequest(
            PasswordLength=rule.length,
            ExcludeCharacters=rule.exclude_characters,
            ExcludeNumbers=rule.exclude_numbers,
            ExcludePunctuation=rule.exclude_punctuation,
            ExcludeUppercase=rule.exclude_uppercase,
            ExcludeLowercase=rule.exclude_lowercase,
            RequireEachIncludedType=rule.require_each_included_type,
        ),
        by=SERVICE_NAME,
    )
    pending = engine.pending(values.current, made.RandomPassword or "")
    request = api.PutSecretValueRequest(
        SecretId=run.arn,
        ClientRequestToken=run.token,
        SecretString=json.dumps(pending),
        VersionStages=[rules.PENDING],
        RotationToken=run.rotation_token,
    )
    call.on_behalf(api.PutSecretValue, request, by=SERVICE_NAME)


def _finish(call: Call, run: Run) -> None:
    described = call.on_behalf(api.DescribeSecret, api.DescribeSecretRequest(SecretId=run.arn), by=SERVICE_NAME)
    stages = described.VersionIdsToStages or {}
    current = next((version for version, labels in stages.items() if rules.CURRENT in labels), None)
    if current == run.token:
        return
    request = api.UpdateSecretVersionStageRequest(
        SecretId=run.arn, VersionStage=rules.CURRENT, MoveToVersionId=run.token, RemoveFromVersionId=current
    )
    call.on_behalf(api.UpdateSecretVersionStage, request, by=SERVICE_NAME)


def _text(error: Exception) -> str:
    text = f"{error.code}: {error.message}" if isinstance(error, ServiceError) else str(error)
    return text[:LONGEST_TEXT]


# -- users' functions ---------------------------------------------------------------------------------------------------


def invocation(call: Call, run: Run, step: str) -> Done | StepEffect:
    """One step as an invocation of the user's function."""
    functions = call.surroundings.functions
    payload = json.dumps(
        {
            "Step": step,
            "SecretId": run.arn,
            "ClientRequestToken": run.token,
            "RotationToken": run.rotation_token,
        }
    ).encode()

    async def effect() -> Done:
        try:
            invoked = await functions.invoke(
                run.function_arn,
                payload,
                service=PRINCIPAL,
                source_arn=run.arn,
                fence=f"{run.arn} {run.token}.{run.attempt}",
            )
        except NotInvoked as error:
            return Done(str(error)[:LONGEST_TEXT])
        return Done(_function_error(invoked.payload) if invoked.error else "", invoked.log[-LONGEST_TEXT:])

    return effect


def _function_error(payload: bytes) -> str:
    """What a function's error document says."""
    try:
        found: object = json.loads(payload)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return "The function failed and gave no reason."
    document = cast("dict[str, object]", found)
    kind, message = document.get("errorType"), document.get("errorMessage")
    return f"{kind or 'Error'}: {message or 'no message'}"[:LONGEST_TEXT]


def redacted(call: Call, run: Run, done: Done) -> Done:
    """Without the values of the secret's versions in what the function said."""
    if not done.error and not done.log:
        return done
    hidden: set[str] = set()
    for version in ({"VersionId": run.token}, {"VersionStage": rules.CURRENT}, {"VersionStage": rules.PREVIOUS}):
        try:
            request = api.GetSecretValueRequest(SecretId=run.arn, **version)
            hidden.update(
                _confidential(call.on_behalf(api.GetSecretValue, request, by=SERVICE_NAME).SecretString or "")
            )
        except ServiceError:
            continue
    error, log = done
    for text in sorted(hidden, key=len, reverse=True):
        error, log = error.replace(text, HIDDEN), log.replace(text, HIDDEN)
    return Done(error, log)


def _confidential(text: str) -> Iterator[str]:
    """Texts of a value that nobody else should read, in the spellings that a log may have."""
    try:
        value: object = json.loads(text)
    except ValueError:
        value = text
    members = cast("dict[str, object]", value) if isinstance(value, dict) else {"": value}
    for member, content in members.items():
        if member not in PLAIN and isinstance(content, str) and len(content) >= 4:
            yield content
            yield json.dumps(content)[1:-1]
            yield repr(content)[1:-1]
