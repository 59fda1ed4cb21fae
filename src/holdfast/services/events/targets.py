"""What a target may be, and how it has to be written.

    arn:aws:sns:…:NAME            a topic
    arn:aws:lambda:…:function:…   a function of this server
    arn:aws:sqs:…:NAME, https://… a queue: by its ARN, or by the address that SendMessage is sent to
    arn:aws:events:…:api-destination/…, arn:aws:events:…:event-bus/…

INVARIANT: a target that was taken is one that the courier knows; whatever it would not honour is refused by name.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from holdfast.api import events as api
from holdfast.api.base import NotImplementedException, ValidationException
from holdfast.services.arn import parse_arn
from holdfast.services.events import transformer
from holdfast.services.events.names import BUS

if TYPE_CHECKING:
    from holdfast.services.call import Call

MOST_TARGETS = 5
"""Of one rule (EventBridge quotas)."""
QUEUE_URL = re.compile(r"https?://[^/?#\s@]+/[^?#\s]+")
_FIFO = ".fifo"
_OF_OTHER_KINDS = (
    "KinesisParameters", "RunCommandParameters", "EcsParameters", "BatchParameters", "RedshiftDataParameters",
    "SageMakerPipelineParameters", "AppSyncParameters",
)  # fmt: skip
BAD_ARN = "Provided Arn is not in correct format."


class Kind(StrEnum):
    TOPIC = "sns"
    FUNCTION = "lambda"
    QUEUE = "sqs"
    API_DESTINATION = "api-destination"
    BUS = "event-bus"


WITH_ROLE = (Kind.API_DESTINATION, Kind.BUS)
"""Targets that are reached as a role; the others with the permission of their own policy."""


def kind_of(arn: str) -> Kind | None:
    """What an ARN is of; None for what no event can be sent to."""
    if QUEUE_URL.fullmatch(arn):
        return Kind.QUEUE
    parts = parse_arn(arn)
    if parts is None or not parts.account or not parts.region:
        return None
    if parts.service == "events":
        if parts.resource.startswith("api-destination/"):
            return Kind.API_DESTINATION
        return Kind.BUS if parts.resource.startswith(BUS) else None
    if parts.service == "lambda" and not parts.resource.startswith("function:"):
        return None
    return {"sns": Kind.TOPIC, "lambda": Kind.FUNCTION, "sqs": Kind.QUEUE}.get(parts.service)


def encode_target(target: api.Target) -> str:
    return msgspec.json.encode(target).decode()


def decode_target(settings: str | bytes) -> api.Target:
    return msgspec.json.decode(settings, type=api.Target)


def check_target(call: Call, target: api.Target, rule_role: str) -> Kind:
    """Raise ValidationException unless a target can be taken; NotImplementedException for what only AWS has. `rule_role` is
    the role that the rule has for targets without one."""
    arn = target.Arn or ""
    kind = kind_of(arn)
    if kind is None:
        parts = parse_arn(arn)
        if parts is None:
            raise ValidationException(f"Parameter {arn} is not valid. Reason: {BAD_ARN}")
        raise NotImplementedException(
            f"Holdfast does not deliver events to {parts.service}: target {target.Id} ({arn}). It delivers to sns, "
            "lambda, sqs, API destinations and event buses."
        )
    parts = parse_arn(arn)
    if kind in (Kind.TOPIC, Kind.FUNCTION, Kind.API_DESTINATION, Kind.BUS) and parts and parts.region != call.region:
        raise NotImplementedException(
            f"Holdfast does not deliver events to another region: target {target.Id} ({arn})."
        )
    for name in _OF_OTHER_KINDS:
        if getattr(target, name) is not None:
            raise NotImplementedException(f"Holdfast does not implement {name}: target {target.Id}.")
    _check_role(target, kind, rule_role)
    _check_parameters(target, kind, arn)
    _check_input(target, kind)
    return kind


def _check_role(target: api.Target, kind: Kind, rule_role: str) -> None:
    if kind is Kind.API_DESTINATION and not (target.RoleArn or rule_role):
        raise ValidationException(f"RoleArn is required for target {target.Arn}.")
    if target.RoleArn and kind not in WITH_ROLE:
        raise NotImplementedException(
            f"Holdfast sends to {kind.value} with the permission of the target's own policy, and does not implement "
            f"RoleArn for it: target {target.Id}."
        )


def _check_parameters(target: api.Target, kind: Kind, arn: str) -> None:
    if target.SqsParameters is not None and kind is not Kind.QUEUE:
        raise ValidationException(f"Parameter SqsParameters is not supported for target {target.Id}.")
    group = target.SqsParameters.MessageGroupId if target.SqsParameters else None
    if kind is Kind.QUEUE and arn.endswith(_FIFO) and not group:
        raise ValidationException(f"Parameter(s) SqsParameters must be specified for target: {target.Id}.")
    if target.HttpParameters is not None and kind is not Kind.API_DESTINATION:
        raise ValidationException(f"Parameter HttpParameters is not supported for target {target.Id}.")
    queue = target.DeadLetterConfig.Arn if target.DeadLetterConfig else None
    if queue is not None and (kind_of(queue) is not Kind.QUEUE or queue.endswith(_FIFO)):
        raise ValidationException(f"Parameter DeadLetterConfig.Arn is not valid for target {target.Id}. Reason: "
                                  "It must be the ARN or the URL of a standard Amazon SQS queue.")  # fmt: skip


def _check_input(target: api.Target, kind: Kind) -> None:
    given = [name for name in ("Input", "InputPath", "InputTransformer") if getattr(target, name)]
    if given and kind is Kind.BUS:
        # "Input, InputPath, and InputTransformer are not available with PutTargets if the target is an event bus of a
        # different AWS account"; what they make is no event, whoever's bus it is.
        raise ValidationException(f"{given[0]} is not available for target {target.Id}: it is an event bus.")
    if len(given) > 1:
        raise ValidationException(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target.Id}."
        )
    if target.Input:
        try:
            json.loads(target.Input)
        except (ValueError, RecursionError):
            raise ValidationException(f"JSON syntax error in input for target {target.Id}.") from None
    if target.InputPath:
        _check_path(target.InputPath, target.Id)
    if target.InputTransformer is None:
        return
    paths = target.InputTransformer.InputPathsMap or {}
    for name, path in paths.items():
        if not transformer.is_variable_name(name):
            raise ValidationException(f"Invalid InputPathsMap for target {target.Id}: {name} is not a valid name.")
        _check_path(path, target.Id)
    problem = transformer.problem_of(target.InputTransformer.InputTemplate or "", paths)
    if problem:
        raise ValidationException(f"Invalid InputTemplate for target {target.Id} : [{problem}].")


def _check_path(path: str, target_id: str | None) -> None:
    try:
        transformer.path_steps(path)
    except transformer.BadPath:
        raise ValidationException(f"Invalid InputPath for target {target_id}.") from None
