"""The table of regions is AWS's own."""

from __future__ import annotations

import botocore.loaders
import pytest

from holdfast.wire.regions import PARTITION_OF, PARTITIONS, partition_of


def test_every_region_and_pattern_of_the_installed_botocore_is_in_the_table() -> None:
    loader = botocore.loaders.Loader()
    theirs: dict[str, tuple[str, set[str]]] = {
        partition["id"]: (partition["regionRegex"].strip("^$").replace("\\-", "-"), set(partition["regions"]))
        for partition in loader.load_data("partitions")["partitions"]
    }
    for partition in loader.load_data("endpoints")["partitions"]:
        theirs[partition["partition"]][1].update(partition["regions"])
    assert {partition.name: (partition.pattern, set(partition.regions)) for partition in PARTITIONS} == theirs


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("eusc-de-east-1", "aws-eusc"),
        ("aws-global", "aws"),
        ("us-southwest-9", "aws"),
        ("us-gov-north-3", "aws-us-gov"),
        ("mars-1", None),
        ("us-east-1\n", None),
        ("us-east-\u0661", None),
        ("", None),
    ],
)
def test_a_region_belongs_to_the_partition_it_is_listed_in_or_looks_like(region: str, partition: str | None) -> None:
    assert partition_of(region) == partition


def test_no_region_is_in_two_partitions() -> None:
    assert len(PARTITION_OF) == sum(len(partition.regions) for partition in PARTITIONS)
