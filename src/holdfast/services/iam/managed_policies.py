"""AWS's own managed policies: the few that matter to what Holdfast serves, with the documents that AWS publishes.

`aws_managed_policies.json` holds for each its default version only. One that is not there does not exist here, and is
refused by name when it is attached: an approximation would grant something else than it says.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from importlib import resources
from typing import NamedTuple

DATA = "aws_managed_policies.json"


class ManagedPolicy(NamedTuple):
    """A policy of AWS. Times are in milliseconds since 1970."""

    name: str
    id: str
    arn: str
    path: str
    version: int
    description: str
    created: int
    updated: int
    document: str


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


@cache
def aws_policies(partition: str = "aws") -> dict[str, ManagedPolicy]:
    """ARN -> policy, in the order of their names."""
    found: dict[str, ManagedPolicy] = {}
    for entry in json.loads((resources.files("holdfast.services.iam") / DATA).read_text()):
        arn = f"arn:{partition}:iam::aws:policy{entry['path']}{entry['name']}"
        found[arn] = ManagedPolicy(
            entry["name"],
            entry["id"],
            arn,
            entry["path"],
            entry["version"],
            entry["description"],
            _milliseconds(entry["created"]),
            _milliseconds(entry["updated"]),
            json.dumps(entry["document"], indent=2),
        )
    return found


def is_of_aws(arn: str) -> bool:
    """Whether an ARN names a policy of AWS."""
    return ":iam::aws:policy/" in arn
