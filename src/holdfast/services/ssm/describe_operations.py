"""DescribeParameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.api import ssm as api
from holdfast.services.paging import next_token
from holdfast.services.ssm import answers, filters, listing, records

if TYPE_CHECKING:
    from holdfast.services.call import Call

PAGE = 50


def describe_parameters(call: Call, value: api.DescribeParametersRequest) -> api.DescribeParametersResult:
    """Parameters without their values, in the order in which the best index gives them.

    With Shared none: nothing can be shared with an account yet. Raises the InvalidFilter errors, InvalidNextToken.
    """
    wanted = filters.describe_filters(value)
    call.authorize("ssm:DescribeParameters", "*")
    scope = [bool(value.Shared), wanted]
    position = answers.token_position(call, "DescribeParameters", scope, value.NextToken)
    if value.Shared:
        return api.DescribeParametersResult(Parameters=[])
    ranges = filters.ranges_of(wanted)
    reader = listing.ranges_reader(
        ranges,
        lambda part, low, count: records.list_parameters(call.tx, call.account, call.region, part, low, count),
        lambda row: row.path,
    )
    found, following = listing.scan(
        reader,
        listing.place_of(position) if position else listing.first_place(ranges),
        lambda row: filters.matches(wanted, row),
        value.MaxResults or PAGE,
        listing.METADATA_ALLOWANCE,
    )
    return api.DescribeParametersResult(
        Parameters=[answers.metadata(call, row) for row in found],
        NextToken=None if following is None else next_token(call, "DescribeParameters", scope, list(following)),
    )
