"""The regions of AWS's partitions, for reading a credential scope and writing an ARN.

One endpoint serves every region here, so the region of a call is whatever its credential scope names; only a name
that no partition of AWS's own data knows is refused. The table restates the names and the patterns of the
`partitions.json` and `endpoints.json` that AWS ships with botocore; `tests/wire/test_regions.py` compares it with the
installed copy, so an update that adds a region fails until it is added here. Nothing at run time imports botocore.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Partition:
    """One of AWS's separate clouds. `name` is the second element of its ARNs."""

    name: str
    pattern: str
    """What a region name of this partition looks like, listed or not."""
    regions: tuple[str, ...]
    """Listed names. `<partition>-global` is what clients call the home of services without regions."""


PARTITIONS: tuple[Partition, ...] = (
    Partition(
        "aws",
        r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+",
        (
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "aws-global",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "me-west-1",
            "mx-central-1",
            "sa-east-1",
            "sa-west-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ),
    ),
    Partition(
        "aws-cn",
        r"cn-\w+-\d+",
        (
            "aws-cn-global",
            "cn-north-1",
            "cn-northwest-1",
        ),
    ),
    Partition(
        "aws-eusc",
        r"eusc-(de)-\w+-\d+",
        ("eusc-de-east-1",),
    ),
    Partition(
        "aws-iso",
        r"us-iso-\w+-\d+",
        (
            "aws-iso-global",
            "us-iso-east-1",
            "us-iso-west-1",
        ),
    ),
    Partition(
        "aws-iso-b",
        r"us-isob-\w+-\d+",
        (
            "aws-iso-b-global",
            "us-isob-east-1",
            "us-isob-west-1",
        ),
    ),
    Partition(
        "aws-iso-e",
        r"eu-isoe-\w+-\d+",
        (
            "aws-iso-e-global",
            "eu-isoe-west-1",
        ),
    ),
    Partition(
        "aws-iso-f",
        r"us-isof-\w+-\d+",
        (
            "aws-iso-f-global",
            "us-isof-east-1",
            "us-isof-south-1",
        ),
    ),
    Partition(
        "aws-us-gov",
        r"us-gov-\w+-\d+",
        (
            "aws-us-gov-global",
            "us-gov-east-1",
            "us-gov-west-1",
        ),
    ),
)

PARTITION_OF: dict[str, str] = {region: partition.name for partition in PARTITIONS for region in partition.regions}
"""Listed region name -> partition name; `in` answers whether a credential scope's region is valid."""

_PATTERNS = tuple((re.compile(partition.pattern, re.ASCII), partition.name) for partition in PARTITIONS)


def partition_of(region: str) -> str | None:
    """The partition a region belongs to, by name or else by the look of it; None when it fits no partition."""
    listed = PARTITION_OF.get(region)
    if listed is not None:
        return listed
    for pattern, name in _PATTERNS:
        if pattern.fullmatch(region):
            return name
    return None
