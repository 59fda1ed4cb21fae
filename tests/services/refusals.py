"""How a boto3 call must fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str, int]:
    """Code, text and HTTP status of the error that a call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """The code and the text of an error that has the status 400."""
    code, text, status = refusal(call, **arguments)
    assert status == 400
    return code, text
