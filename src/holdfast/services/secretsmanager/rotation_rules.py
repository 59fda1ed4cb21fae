"""What is known of a secret's rotation, and when it happens next; pure.

    configured ──now──► under way ──finishSecret──► done, next window
                           │  ▲
                     a step fails: 10 s, 30 s, 2 min, 10 min, then every hour of the window, then in each window
                           └──┘  the same token until it is finished, cancelled or abandoned

AWS publishes neither count nor delay of its retries ("retries the entire rotation process multiple times", user guide).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.api import secretsmanager as api
from holdfast.rotation.schedules import BadSchedule, Schedule, moment_in, next_moment, parse_rules, rate_in_days

if TYPE_CHECKING:
    from holdfast.vault.randomness import Randomness

CREATE, SET, TEST, FINISH = "createSecret", "setSecret", "testSecret", "finishSecret"
STEPS = (CREATE, SET, TEST, FINISH)
DELAYS = (10_000, 30_000, 120_000, 600_000)
HOURLY = 3_600_000
DAY = 86_400_000

BOTH_SCHEDULES = "You cannot specify both rotation frequency and schedule expression together."
NO_FUNCTION = "No Lambda rotation function ARN is associated with this secret."
PREVIOUS_NOT_COMPLETE = "A previous rotation isn't complete. That rotation will be reattempted."
LOCKED = (
    "A rotation of this secret is in progress and this server is set to refuse a new value until it ends "
    "(rotation_lock=strict). Wait for it, or end it with CancelRotateSecret."
)


class Rotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """`secret.rotation`: settings as they were given, and the dates that follow from them (ms; 0 for none)."""

    enabled: bool = False
    function: str = ""
    days: int | None = None
    expression: str = ""
    duration: str = ""
    anchor: int = 0
    """When the rules were set: what a rate counts from."""
    last: int = 0
    """When the last rotation was completed."""
    due: int = 0
    """When the next one begins."""
    next: int = 0
    """The latest moment at which the next one happens, as DescribeSecret tells it."""

    def schedule(self) -> Schedule | None:
        """The schedule; its rules were checked when they were set."""
        return parse_rules(self.days, self.expression, self.duration, self.anchor)


class Step(msgspec.Struct, omit_defaults=True):
    """One step of an attempt, as the timeline keeps it."""

    step: str
    started: int
    ended: int = 0
    outcome: str = "running"
    error: str = ""
    log: str = ""


_decode = msgspec.json.Decoder(Rotation).decode
_decode_steps = msgspec.json.Decoder(list[Step]).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
NEVER = Rotation()


def decode(text: str) -> Rotation:
    """From `secret.rotation`."""
    return _decode(text) if text else NEVER


def encode(value: Rotation | list[Step] | dict[str, str]) -> str:
    return msgspec.json.encode(value).decode()


def decode_labels(text: str) -> dict[str, str]:
    """Label -> version id."""
    return _decode_labels(text)


def decode_steps(text: str) -> list[Step]:
    return _decode_steps(text)


def configured(rotation: Rotation, function: str, rules: api.RotationRulesType | None, now: int) -> Rotation:
    """The settings after RotateSecret: what it gave, and what was there where it gave nothing.

    Raises InvalidParameterException.
    """
    if rules is not None:
        days, expression = rules.AutomaticallyAfterDays, rules.ScheduleExpression or ""
        if days is not None and expression:
            raise api.InvalidParameterException(BOTH_SCHEDULES)
        rotation = msgspec.structs.replace(
            rotation, days=days, expression=expression, duration=rules.Duration or "", anchor=now
        )
    try:
        rotation.schedule()
    except BadSchedule as error:
        raise api.InvalidParameterException(str(error)) from None
    return msgspec.structs.replace(rotation, enabled=True, function=function)


def planned(rotation: Rotation, arn: str, now: int) -> Rotation:
    """With the next rotation after one, or what counts as one, at `now`."""
    schedule = rotation.schedule() if rotation.enabled else None
    if schedule is None:
        return msgspec.structs.replace(rotation, due=0, next=0)
    due, window = next_moment(schedule, now, arn)
    return msgspec.structs.replace(rotation, due=due, next=window.end - 1000)


def retry_due(rotation: Rotation, arn: str, failures: int, window_end: int, now: int, randomness: Randomness) -> int:
    """When a rotation that failed so many times is tried again. What failed together does not come back together."""
    if failures <= len(DELAYS):
        delay = DELAYS[failures - 1]
        return now + delay + randomness.below(delay // 10)
    if now + HOURLY < window_end:
        return now + HOURLY + randomness.below(HOURLY // 20)
    schedule = rotation.schedule()
    return now + DAY if schedule is None else moment_in(schedule.retry_window(now), arn)


def described(rotation: Rotation) -> dict[str, Any]:
    """Members of DescribeSecret and SecretListEntry. After CancelRotateSecret settings stay to be seen, dates do not."""
    if rotation == NEVER:
        return {}
    days = rotation.days
    if days is None and rotation.expression:
        days = rate_in_days(rotation.expression)
    rules = None
    if days is not None or rotation.expression:
        rules = api.RotationRulesType(
            AutomaticallyAfterDays=days,
            ScheduleExpression=rotation.expression or None,
            Duration=rotation.duration or None,
        )
    shown = rotation.enabled
    return {
        "RotationEnabled": rotation.enabled,
        "RotationLambdaARN": rotation.function or None,
        "RotationRules": rules,
        "LastRotatedDate": rotation.last / 1000 if shown and rotation.last else None,
        "NextRotationDate": rotation.next / 1000 if shown and rotation.next else None,
    }


def token_digest(token: str) -> str:
    """What is kept of a RotationToken."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_rotation_token(randomness: Randomness) -> str:
    """A RotationToken: 128 bits that look like a UUID. Whoever shows it speaks for one attempt of one rotation."""
    digits = randomness.token("0123456789abcdef", 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
