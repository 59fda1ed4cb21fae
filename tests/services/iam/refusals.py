"""How a boto3 call must fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.services.refusals import refusal

STATUS = {
    "AccessDenied": 403,
    "NoSuchEntity": 404,
    "EntityAlreadyExists": 409,
    "DeleteConflict": 409,
    "LimitExceeded": 409,
}


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """The code and the text of the error that a call must end in, with the status that belongs to the code."""
    code, text, status = refusal(call, **arguments)
    assert status == STATUS.get(code, 400)
    return code, text
