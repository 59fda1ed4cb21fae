"""The job that rotates a secret: from attempt to attempt, from step to step, each on disk before the next begins.

    begin an attempt ──► step ──effect──► its end, next step ──effect──► … ──► finished: RotationSucceeded
                                   └──► an error: RotationFailed, the same token again later

The job belongs to one secret, so no two attempts overlap. Each attempt has a RotationToken and a number of its own:
whatever comes late from an older one changes nothing. After a crash the newest attempt is interrupted and another begins
at createSecret with the same version, whose value, once there, is never made anew.
"""

from __future__ import annotations

from typing import Any

from holdfast.api.base import ServiceError
from holdfast.services.call import Call
from holdfast.services.secretsmanager import (
    records,
    rotation_progress,
    rotation_records,
    rotation_rules,
    rotation_steps,
    rules,
    values,
)
from holdfast.services.secretsmanager.finding import arn_of
from holdfast.services.secretsmanager.identifiers import Reference
from holdfast.services.secretsmanager.records import Secret
from holdfast.services.secretsmanager.rotation_functions import engine_of
from holdfast.services.secretsmanager.rotation_records import Attempt, Underway
from holdfast.services.secretsmanager.rotation_steps import Done, Run
from holdfast.services.service import JobEffect, SecondHalf


def rotate_secret(call: Call, subject: str, payload: dict[str, Any]) -> JobEffect | None:
    """The job: begin the rotation that is due, or go on with the one under way."""
    where = Reference(call.account, call.region, payload["name"], payload["suffix"])
    secret = records.read_secret(call.tx, where)
    if secret is None or secret.deletion_date:
        return None
    rotation = rotation_rules.decode(secret.rotation)
    if not rotation.enabled:
        return None
    underway = rotation_records.read_underway(call.tx, secret)
    if underway is None:
        secret, underway = _begin(call, secret, rotation)
    elif rotation_progress.finished(secret, underway):
        records.update_secret(call.tx, rotation_progress.complete(call, secret, underway))
        return None
    run = _attempt(call, secret, underway, rotation.function)
    return _step(call, run, 2 if run.test else 0)


def _begin(call: Call, secret: Secret, rotation: rotation_rules.Rotation) -> tuple[Secret, Underway]:
    """A rotation by schedule. A version that is pending already is the one that is to be finished."""
    labels = rules.labels_of(secret.stages)
    token = labels.get(rules.PENDING, "")
    if not token or token == labels.get(rules.CURRENT):
        token = call.randomness.uuid4()
        secret = rotation_progress.reserve(call, secret, token)
        records.update_secret(call.tx, secret)
    return secret, rotation_progress.begin(call, secret, token, test=False, window_end=rotation.next + 1000)


def _attempt(call: Call, secret: Secret, underway: Underway, function_arn: str) -> Run:
    if underway.attempt:
        rotation_progress.close_attempt(
            call, secret, underway, "interrupted", error="the server stopped before the step had ended"
        )
    else:
        rotation_progress.event(call, secret, underway, "RotationStarted")
    newest = rotation_records.list_attempts(call.tx, secret, 1)
    number = newest[0].attempt + 1 if newest else 1
    rotation_token = rotation_rules.new_rotation_token(call.randomness)
    rotation_records.write_underway(
        call.tx,
        secret,
        underway._replace(attempt=number, rotation_token=rotation_rules.token_digest(rotation_token)),
    )
    labels = rotation_progress.labels_text(secret)
    rotation_records.write_attempt(
        call.tx,
        secret,
        Attempt(number, underway.token, underway.test, function_arn, call.now, 0, "running", "[]", labels, labels, 0),
    )
    if underway.test:
        _fill_test_version(call, secret, underway)
    return Run(
        *secret.key,
        suffix=secret.suffix,
        arn=arn_of(call, secret),
        token=underway.token,
        attempt=number,
        test=bool(underway.test),
        function_arn=function_arn,
        rotation_token=rotation_token,
    )


def _fill_test_version(call: Call, secret: Secret, underway: Underway) -> None:
    """A test run's version holds the current value: testSecret must be able to log in with it."""
    arn = arn_of(call, secret)
    current = rules.labels_of(secret.stages).get(rules.CURRENT)
    try:
        version = records.read_version(call.tx, secret, current) if current else None
        value = values.open_version(call, arn, version) if version is not None else None
        if value is not None:
            sealed = values.seal(call, arn, underway.token, secret.kms_key_id, value)
            records.fill_version(call.tx, secret, underway.token, sealed)
    except ServiceError:
        return  # the step finds no value and says so


# -- steps --------------------------------------------------------------------------------------------------------------


def _step(call: Call, run: Run, number: int) -> JobEffect | None:
    """Run one step, and what follows it as far as no effect is needed."""
    name = rotation_rules.STEPS[number]
    _note_step(call, run, rotation_rules.Step(name, call.now))
    engine = engine_of(call, run.function_arn, run.account)
    if engine is not None:
        outcome = rotation_steps.built_in(call, run, engine, name)
    else:
        outcome = rotation_steps.invocation(call, run, name)
    if isinstance(outcome, Done):
        return _after(call, run, number, outcome)
    perform = outcome

    async def effect(_identity: str) -> SecondHalf:
        done = await perform()

        def half(call: Call) -> JobEffect | None:
            told = done if engine is not None else rotation_steps.redacted(call, run, done)
            return _after(call, run, number, told)

        return SecondHalf(half)

    return effect


def _after(call: Call, run: Run, number: int, done: Done) -> JobEffect | None:
    """Record how a step ended, and go on."""
    found = _load(call, run)
    if found is None:
        return None
    secret, underway = found
    step = rotation_rules.STEPS[number]
    error = done.error
    last = run.test or number == len(rotation_rules.STEPS) - 1
    if last and not run.test and not error and not rotation_progress.finished(secret, underway):
        error = "The function ended, but AWSCURRENT is not on the version that it was to finish."
    _note_step(call, run, rotation_rules.Step(step, 0, call.now, "failed" if error else "succeeded", error, done.log))
    if run.test:
        text = _event_text(run, step) if error else ""
        secret = rotation_progress.end_test(call, secret, underway, text)
        records.update_secret(call.tx, secret)
        return None
    if error:
        _fail(call, run, secret, underway, step)
        return None
    if last:
        records.update_secret(call.tx, rotation_progress.complete(call, secret, underway))
        return None
    return _step(call, run, number + 1)


def _load(call: Call, run: Run) -> tuple[Secret, Underway] | None:
    """The secret, while this attempt is still the one that counts."""
    secret = records.read_secret(call.tx, Reference(run.account, run.region, run.name, run.suffix))
    underway = None if secret is None else rotation_records.read_underway(call.tx, secret)
    if secret is None or underway is None or (underway.token, underway.attempt) != (run.token, run.attempt):
        return None
    return secret, underway


def _fail(call: Call, run: Run, secret: Secret, underway: Underway, step: str) -> None:
    rotation = rotation_rules.decode(secret.rotation)
    failures = underway.failures + 1
    due = rotation_rules.retry_due(rotation, run.arn, failures, underway.window_end, call.now, call.randomness)
    rotation_records.write_underway(call.tx, secret, underway._replace(failures=failures))
    rotation_progress.close_attempt(call, secret, underway, "failed", next_retry=due)
    rotation_progress.event(call, secret, underway, "RotationFailed", _event_text(run, step))
    rotation_progress.schedule_at(call, secret, due)


def _event_text(run: Run, step: str) -> str:
    return f"Error when executing lambda {run.function_arn} during {step} step"


def _note_step(call: Call, run: Run, step: rotation_rules.Step) -> None:
    """Begin a step in the timeline, or end the one that runs."""
    secret = records.read_secret(call.tx, Reference(run.account, run.region, run.name, run.suffix))
    attempt = None if secret is None else rotation_records.read_attempt(call.tx, secret, run.attempt)
    if secret is None or attempt is None:
        return
    steps = rotation_rules.decode_steps(attempt.steps)
    if step.ended:
        step.started = steps.pop().started
    steps.append(step)
    rotation_records.write_attempt(call.tx, secret, attempt._replace(steps=rotation_rules.encode(steps)))
