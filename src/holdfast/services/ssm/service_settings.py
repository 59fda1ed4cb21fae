"""Service settings of an account in a region: the default tier, and high throughput.

A setting that was never changed has no row. A setting is named by its id or by its ARN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdfast.services.arn import parse_arn
from holdfast.services.ssm import tiers
from holdfast.services.ssm.setting_records import read_setting

if TYPE_CHECKING:
    from holdfast.services.call import Call
    from holdfast.store.transaction import Transaction

DEFAULT_TIER = "/ssm/parameter-store/default-parameter-tier"
HIGH_THROUGHPUT = "/ssm/parameter-store/high-throughput-enabled"
VALUES: Mapping[str, tuple[str, ...]] = {DEFAULT_TIER: tiers.TIERS, HIGH_THROUGHPUT: ("false", "true")}
"""Setting -> its values, the default first."""


def default_tier(call: Call) -> str:
    """The tier of a PutParameter that names none."""
    found = read_setting(call.tx, call.account, call.region, DEFAULT_TIER)
    return VALUES[DEFAULT_TIER][0] if found is None else found.value


def high_throughput(tx: Transaction, account: str, region: str) -> bool:
    """Whether an account's Parameter Store takes AWS's higher rates in a region."""
    found = read_setting(tx, account, region, HIGH_THROUGHPUT)
    return found is not None and found.value == "true"


def setting_arn(partition: str, region: str, account: str, setting_id: str) -> str:
    """`arn:aws:ssm:<region>:<account>:servicesetting/ssm/parameter-store/…`."""
    return f"arn:{partition}:ssm:{region}:{account}:servicesetting/{setting_id.removeprefix('/')}"


def parse_setting_id(text: str, partition: str, region: str, account: str) -> str:
    """The id in an id or an ARN of this account and region, with its leading slash; any other text as it is."""
    if text.startswith("arn:"):
        arn = parse_arn(text)
        if arn is not None and text == setting_arn(
            partition, region, account, arn.resource.removeprefix("servicesetting/")
        ):
            return arn.resource.removeprefix("servicesetting")
        return text
    return text if text.startswith("/") else f"/{text}"
