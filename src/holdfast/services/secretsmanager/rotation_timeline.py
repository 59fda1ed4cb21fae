"""What Holdfast's own operations show of rotations, and do to one that is stuck.

Each authorizes its own action (`holdfast:ShowRotation`, …) on the secret's ARN, under the secret's resource policy like
any other. Whatever is done leaves labels that AWS's rules allow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from holdfast.access.principal import service_role
from holdfast.api import holdfast as own
from holdfast.api.base import ServiceError
from holdfast.rotation.engine import EngineSettings, RotationError
from holdfast.rotation.schedules import next_moment
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records, rotation_progress, rotation_records, rotation_rules, rules
from holdfast.services.secretsmanager.finding import find, find_active
from holdfast.services.secretsmanager.identifiers import secret_arn
from holdfast.services.secretsmanager.labels import write_labels
from holdfast.services.secretsmanager.records import Secret
from holdfast.services.secretsmanager.rotation_functions import ROLE, engine_of
from holdfast.services.secretsmanager.rotation_records import LIST_ROTATING, Attempt
from holdfast.services.secretsmanager.rotation_rules import DAY, Step
from holdfast.services.secretsmanager.rotation_steps import read_values
from holdfast.work.threads import in_thread

MOST_PLANNED = 10_000
"""Rotations in one forecast."""


def _moment(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds else None


# -- the timeline -------------------------------------------------------------------------------------------------------


def show_rotation(call: Call, value: own.ShowRotationRequest) -> own.ShowRotationResponse:
    """Every attempt that is kept, the oldest first."""
    secret, arn = find(call, value.SecretId, "holdfast:ShowRotation")
    rotation = rotation_rules.decode(secret.rotation)
    return own.ShowRotationResponse(
        Secret=arn,
        Enabled=rotation.enabled,
        Function=rotation.function or None,
        NextRotation=_moment(rotation.due),
        LastRotated=_moment(rotation.last),
        Attempts=[_attempt(attempt) for attempt in reversed(rotation_records.list_attempts(call.tx, secret))],
    )


def _attempt(attempt: Attempt) -> own.RotationAttempt:
    return own.RotationAttempt(
        Token=attempt.token,
        Test=bool(attempt.test),
        Function=attempt.function_arn,
        Started=attempt.started / 1000,
        Ended=_moment(attempt.ended),
        Outcome=attempt.outcome,
        Steps=[_step(step) for step in rotation_rules.decode_steps(attempt.steps)],
        LabelsBefore=rotation_rules.decode_labels(attempt.labels_before),
        LabelsAfter=rotation_rules.decode_labels(attempt.labels_after),
        NextRetry=_moment(attempt.next_retry),
    )


def _step(step: Step) -> own.RotationStep:
    return own.RotationStep(
        Step=step.step,
        Started=step.started / 1000,
        Ended=_moment(step.ended),
        Outcome=step.outcome,
        Error=step.error or None,
        Log=step.log or None,
    )


# -- stuck rotations ----------------------------------------------------------------------------------------------------


def retry_rotation(call: Call, value: own.RetryRotationRequest) -> own.RetryRotationResponse:
    """Try a failed rotation again now, with the same version. NothingToDoException when none waits."""
    secret, arn = find_active(call, value.SecretId, "holdfast:RetryRotation")
    underway = rotation_records.read_underway(call.tx, secret)
    attempt = None if underway is None else rotation_records.read_attempt(call.tx, secret, underway.attempt)
    if underway is None or attempt is None or attempt.outcome == "running":
        raise own.NothingToDoException(
            "No rotation of this secret waits to be tried again: one that runs goes on by itself, and RotateSecret begins "
            "another."
        )
    rotation_progress.schedule_at(call, secret, call.now)
    return own.RetryRotationResponse(Secret=arn, Labels=rules.labels_of(secret.stages))


def abandon_rotation(call: Call, value: own.AbandonRotationRequest) -> own.AbandonRotationResponse:
    """End the rotation under way, or what a cancelled one left pending. NothingToDoException when there is neither."""
    secret, arn = find_active(call, value.SecretId, "holdfast:AbandonRotation")
    ended = _without_rotation(call, secret)
    if ended is None:
        raise own.NothingToDoException("No rotation of this secret is under way, and no version of it is pending.")
    records.update_secret(call.tx, ended)
    return own.AbandonRotationResponse(Secret=arn, Labels=rules.labels_of(ended.stages))


def _without_rotation(call: Call, secret: Secret) -> Secret | None:
    underway = rotation_records.read_underway(call.tx, secret)
    if underway is not None:
        if rotation_progress.finished(secret, underway):
            return rotation_progress.complete(call, secret, underway)
        return rotation_progress.abandon(call, secret, underway)
    pending = rules.labels_of(secret.stages).get(rules.PENDING)
    return None if pending is None else rotation_progress.without_pending(call, secret, pending)


def roll_back_rotation(call: Call, value: own.RollBackRotationRequest) -> own.RollBackRotationResponse:
    """Back to the value before: a rotation under way is abandoned, otherwise AWSCURRENT moves to AWSPREVIOUS's version.

    NothingToDoException when there is no previous value.
    """
    secret, arn = find_active(call, value.SecretId, "holdfast:RollBackRotation")
    underway = rotation_records.read_underway(call.tx, secret)
    in_time = underway is not None and not rotation_progress.finished(secret, underway)
    secret = _without_rotation(call, secret) or secret
    if not in_time:
        labels = rules.labels_of(secret.stages)
        previous = labels.get(rules.PREVIOUS)
        version = None if previous is None else records.read_version(call.tx, secret, previous)
        if previous is None or version is None or version.kind is None:
            raise own.NothingToDoException("The secret has no previous value to go back to.")
        after = rules.attach(labels, previous, (rules.CURRENT,))
        secret = write_labels(call, secret, labels, after)._replace(last_changed=call.now)
    records.update_secret(call.tx, secret)
    return own.RollBackRotationResponse(Secret=arn, Labels=rules.labels_of(secret.stages))


# -- what will happen ---------------------------------------------------------------------------------------------------


def forecast_rotations(call: Call, value: own.ForecastRotationsRequest) -> own.ForecastRotationsResponse:
    """Every rotation of the account's secrets in this Region that is planned within some days, in their order."""
    call.authorize("holdfast:ForecastRotations", "*")
    until = call.now + (value.Days or 1) * DAY
    planned: list[own.PlannedRotation] = []
    after = ""
    while len(planned) <= MOST_PLANNED:
        rows = call.tx.all(LIST_ROTATING, call.account, call.region, after)
        for name, suffix, text in rows:
            arn = secret_arn(call.partition, call.account, call.region, name, suffix)
            planned.extend(_planned(arn, rotation_rules.decode(text), call.now, until, MOST_PLANNED - len(planned) + 1))
        if len(rows) < rotation_records.PAGE:
            break
        after = rows[-1][0]
    planned.sort(key=lambda each: (each.Due or 0, each.Secret or ""))
    return own.ForecastRotationsResponse(
        From=call.now / 1000,
        Until=until / 1000,
        Rotations=planned[:MOST_PLANNED],
        Complete=len(planned) <= MOST_PLANNED,
    )


def _planned(arn: str, rotation: rotation_rules.Rotation, now: int, until: int, most: int) -> list[own.PlannedRotation]:
    found: list[own.PlannedRotation] = []
    schedule = rotation.schedule() if rotation.enabled else None
    due, end = rotation.due, rotation.next
    while schedule is not None and due and due <= until and len(found) < most:
        due = max(due, now)
        found.append(own.PlannedRotation(Secret=arn, Due=due / 1000, WindowEnd=end / 1000, Function=rotation.function))
        due, window = next_moment(schedule, due, arn)
        end = window.end - 1000
    return found


# -- rehearsal ----------------------------------------------------------------------------------------------------------


def rehearse_rotation(
    call: Call, value: own.RehearseRotationRequest
) -> Callable[[], Awaitable[own.RehearseRotationResponse]]:
    """Look at everything a built-in rotation needs and change nothing. It reads as the role that rotates would, and the
    caller learns what was found, not what was read.

    Raises NotRehearsableException when the secret's function is none of the built-in ones.
    """
    secret, arn = find_active(call, value.SecretId, "holdfast:RehearseRotation")
    function = value.RotationLambdaARN or rotation_rules.decode(secret.rotation).function
    engine = engine_of(call, function, secret.account) if function else None
    if engine is None:
        raise own.NotRehearsableException(
            "Only a built-in rotation can be rehearsed. Give its function's ARN as RotationLambdaARN, for example "
            f"arn:{call.partition}:lambda:{call.region}:{secret.account}:function:"
            "SecretsManagerRDSPostgreSQLRotationSingleUser."
        )
    problem = ""
    values = None
    try:
        role = service_role(secret.account, "secretsmanager.holdfast", ROLE)
        values = read_values(call.acting_as(role), arn, None)
        engine.require(values.current)
    except RotationError as error:
        problem = str(error)
    except ServiceError as error:
        problem = f"{error.code}: {error.message}"
    settings: EngineSettings = call.surroundings.rotation.settings

    async def effect() -> own.RehearseRotationResponse:
        found: list[own.RehearsalFinding] = [own.RehearsalFinding(Check="secret", Passed=not problem, Text=problem)]
        if values is not None and not problem:
            found[0].Text = "The secret has what this rotation needs."
            ready = values
            try:
                looked = await in_thread(lambda: engine.rehearse(ready, settings))
            except RotationError as error:
                found.append(own.RehearsalFinding(Check="connection", Passed=False, Text=str(error)))
            except Exception as error:  # noqa: BLE001 - a driver's exception may quote a password: its type must do
                text = f"{type(error).__name__} in the built-in rotation"
                found.append(own.RehearsalFinding(Check="connection", Passed=False, Text=text))
            else:
                found += [own.RehearsalFinding(Check=f.check, Passed=f.passed, Text=f.text) for f in looked]
        return own.RehearseRotationResponse(
            Secret=arn, Function=function, Passed=all(each.Passed for each in found), Findings=found
        )

    return effect
