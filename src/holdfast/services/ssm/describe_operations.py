"""DescribeParameters: one's own parameters, those that are shared with one, or those that are published to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.evaluate import evaluate
from holdfast.access.request import AccessRequest
from holdfast.api import ssm as api
from holdfast.services.paging import next_token
from holdfast.services.ssm import answers, filters, listing, records, resource_policies, rules
from holdfast.services.ssm.filters import Filter
from holdfast.services.ssm.records import Parameter
from holdfast.services.ssm.rules import PUBLIC

if TYPE_CHECKING:
    from holdfast.services.call import Call

PAGE = 50


def describe_parameters(call: Call, value: api.DescribeParametersRequest) -> api.DescribeParametersResult:
    """Parameters without their values, in the order in which the best index gives them.

    With Shared those of other accounts that the caller may describe; with a filter for names or paths below /aws/service
    the public ones. Raises the InvalidFilter errors, InvalidNextToken.
    """
    wanted = filters.describe_filters(value)
    call.authorize("ssm:DescribeParameters", rules.everything_arn(call.partition, call.region, call.account))
    scope = [bool(value.Shared), wanted]
    position = answers.token_position(call, "DescribeParameters", scope, value.NextToken)
    limit = value.MaxResults or PAGE
    found, following = (_shared if value.Shared else _listed)(call, wanted, position, limit)
    return api.DescribeParametersResult(
        Parameters=[answers.metadata(call, row) for row in found],
        NextToken=None if following is None else next_token(call, "DescribeParameters", scope, following),
    )


Page = tuple[list[Parameter], list[int | str] | None]
"""Parameters, and the position after them."""


def _listed(call: Call, wanted: list[Filter], position: list[int | str] | None, limit: int) -> Page:
    account = PUBLIC if _asks_for_public(wanted) else call.account
    ranges = filters.ranges_of(wanted)
    reader = listing.ranges_reader(
        ranges,
        lambda part, low, count: records.list_parameters(call.tx, account, call.region, part, low, count),
        lambda row: row.path,
    )
    found, following = listing.scan(
        reader,
        listing.place_of(position) if position else listing.first_place(ranges),
        lambda row: filters.matches(wanted, row),
        limit,
        listing.METADATA_ALLOWANCE,
    )
    return found, None if following is None else list(following)


def _asks_for_public(wanted: list[Filter]) -> bool:
    """Whether a filter leads to public parameters only: those are listed when they are asked for."""
    return any(
        f.key in {"Name", "Path"}
        and f.option != filters.CONTAINS
        and all(rules.is_public(v.rstrip("/")) for v in f.values)
        for f in wanted
    )


def _shared(call: Call, wanted: list[Filter], position: list[int | str] | None, limit: int) -> Page:
    def read(place: tuple[str, str], count: int) -> list[tuple[tuple[str, str], Parameter]]:
        rows = records.list_shared(call.tx, call.account, call.region, place, count)
        return [((row.account, filters.after(row.path)), row) for row in rows]

    def passes(row: Parameter) -> bool:
        return filters.matches(wanted, row) and _may_describe(call, row)

    start = (str(position[0]), str(position[1])) if position else ("", "")
    found, following = listing.scan(read, start, passes, limit, listing.METADATA_ALLOWANCE)
    return found, None if following is None else list(following)


def _may_describe(call: Call, row: Parameter) -> bool:
    """Whether another account's policy lets the caller see a parameter. It is a filter and denies nothing, so it is not
    recorded."""
    arn = answers.arn(call, row.account, row.path)
    request = AccessRequest("ssm:DescribeParameters", arn, row.account, {}, call)
    return evaluate(call.identity, request, resource_policy=resource_policies.compiled(row.resource_policy)).allowed
