"""ShowRotation and its kind: our operations about rotations, which Secrets Manager's own rows answer.

What a secret is, only its service knows; it offers these functions in its table (`Service.own`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.services.service import OperationFunction

if TYPE_CHECKING:
    from holdfast.services.call import Call


def of_secrets_manager(name: str) -> OperationFunction:
    """Our operation `name`, as Secrets Manager's table answers it."""

    def operation(call: Call, value: Any) -> Any:
        return call.surroundings.service("secretsmanager").own[name](call, value)

    return operation
