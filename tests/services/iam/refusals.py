"""How a boto3 call must fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

STATUS = {
    "AccessDenied": 403,
    "NoSuchEntity": 404,
    "EntityAlreadyExists": 409,
    "DeleteConflict": 409,
    "LimitExceeded": 409,
}


def refused(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """The code and the text of the error that a call must end in, with the status that belongs to the code."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    code = response["Error"]["Code"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == STATUS.get(code, 400)
    return code, response["Error"]["Message"]
