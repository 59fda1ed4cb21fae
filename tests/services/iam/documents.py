"""Policy documents for tests."""

from __future__ import annotations

import json
from typing import Any


def allowing(*actions: str, resource: str = "*", **elements: Any) -> str:
    """A policy that allows actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **elements}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trusting(principal: Any, action: str = "sts:AssumeRole") -> str:
    """A trust policy."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


READ = allowing("ssm:GetParameter")
"""A policy."""
TRUST = trusting({"Service": "lambda.amazonaws.com"})
"""A trust policy that names nobody."""


def sized(characters: int) -> str:
    """A policy of so many characters that are not white space."""
    document = allowing("ssm:GetParameter", resource="arn:aws:ssm:*:*:parameter/X")
    length = len("".join(document.split()))
    return document.replace("parameter/X", "parameter/X" + "x" * (characters - length))
