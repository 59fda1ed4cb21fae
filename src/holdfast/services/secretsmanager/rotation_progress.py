"""How a rotation begins and ends: every change of its state, each inside the transaction of whoever causes it.

The functions take a secret's row and return it as it is then; whoever called writes it. A rotation that ends for whatever
reason leaves no row under way, a timeline that says why, labels that are legal, and the next one planned.

INVARIANT: while a rotation is under way its version exists and bears AWSPENDING or AWSCURRENT.
"""

from __future__ import annotations

import msgspec

from holdfast.api import secretsmanager as api
from holdfast.services.call import Call
from holdfast.services.secretsmanager import records, rotation_records, rotation_rules, rules, versions
from holdfast.services.secretsmanager.finding import arn_of
from holdfast.services.secretsmanager.labels import write_labels
from holdfast.services.secretsmanager.records import Secret
from holdfast.services.secretsmanager.rotation_records import Attempt, Underway
from holdfast.services.secretsmanager.rotation_rules import Rotation

ROTATE_JOB = "secretsmanager.rotate-secret"


def subject_of(secret: Secret) -> str:
    """Names one secret for its jobs; with the suffix a later secret of the same name is another."""
    return f"{secret.name}-{secret.suffix}"


def schedule_at(call: Call, secret: Secret, due: int) -> None:
    """Have the rotation begin or go on at a moment; 0 for never."""
    if due:
        payload = {"name": secret.name, "suffix": secret.suffix}
        call.schedule(ROTATE_JOB, subject_of(secret), due, payload, account=secret.account)
    else:
        call.cancel(ROTATE_JOB, subject_of(secret), account=secret.account)


def plan(call: Call, secret: Secret, rotation: Rotation) -> Secret:
    """Plan the next rotation after what counts as one now."""
    rotation = rotation_rules.planned(rotation, arn_of(call, secret), call.now)
    schedule_at(call, secret, rotation.due)
    return secret._replace(rotation=rotation_rules.encode(rotation))


def event(call: Call, secret: Secret, underway: Underway, name: str, error: str = "") -> None:
    """One of AWS's service events (user guide, "AWS CloudTrail entries for rotation")."""
    arn = arn_of(call, secret)
    call.service_event(
        "secretsmanager",
        f"Test{name}" if underway.test else name,
        details={"SecretId": arn},
        account=secret.account,
        request_id=f"Rotation-{arn}-{underway.token}",
        error_message=error,
    )


def reserve(call: Call, secret: Secret, token: str) -> Secret:
    """A version without a value that bears AWSPENDING. LimitExceededException when there is no room."""
    return versions.reserve_version(call, secret, token, (rules.PENDING,))


def begin(call: Call, secret: Secret, token: str, *, test: bool, window_end: int) -> Underway:
    """Put a rotation under way, whose version is reserved."""
    underway = Underway(token, int(test), "", 0, 0, window_end)
    rotation_records.write_underway(call.tx, secret, underway)
    return underway


# -- the timeline -------------------------------------------------------------------------------------------------------


def labels_text(secret: Secret) -> str:
    return rotation_rules.encode(rules.labels_of(secret.stages))


def close_attempt(
    call: Call, secret: Secret, underway: Underway, outcome: str, *, next_retry: int = 0, error: str = ""
) -> None:
    """End the newest attempt in the timeline; one that has ended keeps its outcome, but is not retried any more."""
    attempt = rotation_records.read_attempt(call.tx, secret, underway.attempt)
    if attempt is None:
        return
    if attempt.outcome != "running":
        if attempt.next_retry and outcome != "interrupted":
            rotation_records.write_attempt(call.tx, secret, attempt._replace(next_retry=0))
            if outcome != "succeeded":
                _add_end(call, secret, attempt, outcome)
        return
    steps = rotation_rules.decode_steps(attempt.steps)
    for step in steps:
        if step.outcome == "running":
            step.ended, step.outcome, step.error = call.now, outcome, error or step.error
    rotation_records.write_attempt(
        call.tx,
        secret,
        attempt._replace(
            ended=call.now,
            outcome=outcome,
            steps=rotation_rules.encode(steps),
            labels_after=labels_text(secret),
            next_retry=next_retry,
        ),
    )


def _add_end(call: Call, secret: Secret, attempt: Attempt, outcome: str) -> None:
    """An entry of its own for a rotation that ended between two attempts."""
    labels = labels_text(secret)
    ended = attempt._replace(attempt=attempt.attempt + 1, started=call.now, ended=call.now, outcome=outcome, steps="[]")
    rotation_records.write_attempt(
        call.tx, secret, ended._replace(labels_before=attempt.labels_after, labels_after=labels, next_retry=0)
    )


# -- ends ---------------------------------------------------------------------------------------------------------------


def without_pending(call: Call, secret: Secret, version_id: str) -> Secret:
    """AWSPENDING taken off a version; where it is elsewhere, or nowhere, nothing happens."""
    before = rules.labels_of(secret.stages)
    if before.get(rules.PENDING) != version_id:
        return secret
    after = {label: version for label, version in before.items() if label != rules.PENDING}
    return write_labels(call, secret, before, after)._replace(last_changed=call.now)


def finished(secret: Secret, underway: Underway) -> bool:
    """Whether finishSecret has done its work: AWSCURRENT is on the rotation's version."""
    return not underway.test and rules.labels_of(secret.stages).get(rules.CURRENT) == underway.token


def complete(call: Call, secret: Secret, underway: Underway) -> Secret:
    """Record a success: AWSPENDING goes, the dates move, the next rotation is planned, all at once."""
    secret = without_pending(call, secret, underway.token)
    rotation = msgspec.structs.replace(rotation_rules.decode(secret.rotation), last=call.now)
    rotation_records.delete_underway(call.tx, secret)
    close_attempt(call, secret, underway, "succeeded")
    event(call, secret, underway, "RotationSucceeded")
    return plan(call, secret, rotation)


def end_test(call: Call, secret: Secret, underway: Underway, error: str = "") -> Secret:
    """Take back what a test run reserved, and record how it went."""
    secret = without_pending(call, secret, underway.token)
    rotation_records.delete_underway(call.tx, secret)
    if underway.token not in rules.decode_stages(secret.stages):
        records.delete_version(call.tx, secret, underway.token)
        secret = secret._replace(version_count=secret.version_count - 1)
    close_attempt(call, secret, underway, "failed" if error else "succeeded", error=error)
    event(call, secret, underway, "RotationFailed" if error else "RotationSucceeded", error)
    return plan(call, secret, rotation_rules.decode(secret.rotation))


def abandon(call: Call, secret: Secret, underway: Underway, outcome: str = "abandoned") -> Secret:
    """End a rotation that will not be finished: its version loses AWSPENDING and is deprecated."""
    secret = without_pending(call, secret, underway.token)
    rotation_records.delete_underway(call.tx, secret)
    close_attempt(call, secret, underway, outcome)
    event(call, secret, underway, "RotationAbandoned")
    return plan(call, secret, rotation_rules.decode(secret.rotation))


def suspend(call: Call, secret: Secret) -> None:
    """Stop while the secret is scheduled for deletion."""
    underway = rotation_records.read_underway(call.tx, secret)
    if underway is not None:
        close_attempt(call, secret, underway, "interrupted", error="the secret was scheduled for deletion")
    schedule_at(call, secret, 0)


def resume(call: Call, secret: Secret) -> None:
    """Go on when the deletion was taken back: with the rotation under way, or at the planned moment; once if it passed."""
    rotation = rotation_rules.decode(secret.rotation)
    if not rotation.enabled:
        return
    underway = rotation_records.read_underway(call.tx, secret)
    schedule_at(call, secret, call.now if underway is not None else rotation.due)


# -- what others change -------------------------------------------------------------------------------------------------


def refuse_if_locked(call: Call, secret: Secret, version_id: str) -> None:
    """InvalidRequestException for somebody else's new value while a rotation is under way, where the server is strict."""
    if secret.rotation and call.surroundings.rotation.strict:
        underway = rotation_records.read_underway(call.tx, secret)
        if underway is not None and underway.token != version_id and not finished(secret, underway):
            raise api.InvalidRequestException(rotation_rules.LOCKED)


def value_added(call: Call, secret: Secret, version_id: str) -> Secret:
    """After somebody gave the secret a new version: it abandons the rotation under way, and counts as one."""
    if not secret.rotation:
        return secret
    underway = rotation_records.read_underway(call.tx, secret)
    if underway is not None:
        if underway.token == version_id:
            return secret
        return complete(call, secret, underway) if finished(secret, underway) else abandon(call, secret, underway)
    rotation = rotation_rules.decode(secret.rotation)
    if rotation.enabled and rotation.days is not None:
        return plan(call, secret, rotation)
    return secret


def labels_moved(call: Call, secret: Secret, before: rules.Labels) -> Secret:
    """After UpdateSecretVersionStage: a rotation whose version lost its label, or that somebody overtook, is over."""
    if not secret.rotation:
        return secret
    underway = rotation_records.read_underway(call.tx, secret)
    after = rules.labels_of(secret.stages)
    if underway is None or after.get(rules.CURRENT) == underway.token:
        return secret
    overtaken = after.get(rules.CURRENT) != before.get(rules.CURRENT)
    if overtaken or after.get(rules.PENDING) != underway.token:
        return abandon(call, secret, underway)
    return secret
