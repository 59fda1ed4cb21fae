"""What a client is told when it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def refused(operation: Any, **arguments: Any) -> tuple[str, str, int]:
    """Code, text and HTTP status of a refusal; fails when there is none."""
    with pytest.raises(ClientError) as caught:
        operation(**arguments)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]
