"""Tiers: which one a parameter gets, what each can hold, and how many there may be; pure.

    Standard              4 KB, no parameter policies, no sharing
    Advanced              8 KB
    Intelligent-Tiering   standard, until something needs the advanced tier; then advanced

A parameter goes up, never down ("You can't revert an advanced parameter to a standard parameter", API reference,
PutParameter, Tier). Without a Tier the account's default applies, which never takes a parameter down either.

INVARIANT: what is stored as Standard or Advanced fits it; Intelligent-Tiering is a wish and is never stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException

STANDARD, ADVANCED, INTELLIGENT = "Standard", "Advanced", "Intelligent-Tiering"
TIERS = (STANDARD, ADVANCED, INTELLIGENT)
MAXIMUM_VALUE: Mapping[str, int] = {STANDARD: 4096, ADVANCED: 8192}
"""Bytes of UTF-8."""
ADVANCED_DATA_TYPES = frozenset(("url", "json", "jsonc"))
"""Data types that need the advanced tier (API reference, PutParameter, Tier)."""

STANDARD_SIZE_TEXT = (
    "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter "
    "value, upgrade the parameter to use the advanced-parameter tier. For more information, see "
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
)
ADVANCED_SIZE_TEXT = "Advanced tier parameters support a maximum parameter value of 8192 characters."
DOWNGRADE_TEXT = (
    "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to "
    "the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard "
    "parameter."
)
POLICIES_TEXT = (
    "Parameter policies can be used with the advanced-parameter tier only. To use policies, upgrade the parameter to the "
    "advanced-parameter tier."
)
LIMIT_TEXT = (
    "You have exceeded the number of parameters for this Amazon Web Services account. Delete one or more parameters and "
    "try again."
)


def tier_of(
    requested: str | None, default: str, previous: str | None, *, needs_advanced: bool, standard_is_full: bool
) -> str:
    """The tier of the version that PutParameter writes. `previous` is the parameter's, None for a new one.

    Raises ValidationException for a downgrade. `needs_advanced` says that the value, its data type or policies only fit the
    advanced tier; `standard_is_full` that no other standard parameter may be created.
    """
    if previous == ADVANCED:
        if requested == STANDARD:
            raise ValidationException(DOWNGRADE_TEXT)
        return ADVANCED
    wish = requested or default
    if wish != INTELLIGENT:
        return wish
    return ADVANCED if needs_advanced or (previous is None and standard_is_full) else STANDARD


def check_fits(tier: str, size: int, data_type: str, *, has_policies: bool) -> None:
    """Raise ValidationException for what a tier cannot hold."""
    if size > MAXIMUM_VALUE[tier]:
        raise ValidationException(STANDARD_SIZE_TEXT if tier == STANDARD else ADVANCED_SIZE_TEXT)
    if tier == STANDARD and has_policies:
        raise ValidationException(POLICIES_TEXT)
    if tier == STANDARD and data_type in ADVANCED_DATA_TYPES:
        raise ValidationException(f"The data type {data_type} can be used with the advanced-parameter tier only.")


def check_count(count: int, most: int) -> None:
    """Raise ParameterLimitExceeded when there is no room for one more parameter of a tier."""
    if count >= most:
        raise api.ParameterLimitExceeded(LIMIT_TEXT)
