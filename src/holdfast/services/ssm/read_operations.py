"""GetParameter, GetParameters, GetParametersByPath, GetParameterHistory."""

from __future__ import annotations

from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING

from holdfast.api import ssm as api
from holdfast.api.base import ValidationException
from holdfast.services.paging import next_token
from holdfast.services.ssm import access, answers, filters, listing, records, rules, secret_references, version_records
from holdfast.services.ssm.answers import required
from holdfast.services.ssm.filters import Filter
from holdfast.services.ssm.records import Value
from holdfast.services.ssm.rules import PUBLIC, Reference
from holdfast.services.ssm.secret_references import SecretReference, parse_secret_reference, secret_parameter

if TYPE_CHECKING:
    from holdfast.services.call import Call

PATH_PAGE = 10
HISTORY_PAGE = 50


# -- by name ---------------------------------------------------------------------------------------------------------


def get_parameter(call: Call, value: api.GetParameterRequest) -> api.GetParameterResult:
    """One version of a parameter: the current one, or that of a selector.

    Raises ParameterNotFound (without a text, as AWS), ParameterVersionNotFound, and for a SecureString to be decrypted
    InvalidKeyId or AccessDeniedException with KMS's text. A reference to a secret is read from Secrets Manager.
    """
    text = required(value.Name)
    secret = parse_secret_reference(text, call.partition, call.region, call.account)
    if secret is not None:
        secret_references.authorize(call, "ssm:GetParameter", secret, value.WithDecryption)
        return api.GetParameterResult(Parameter=secret_parameter(call, secret))
    reference = _reference(call, text)
    found = _authorized(call, "ssm:GetParameter", reference)
    if found is None:
        raise api.ParameterNotFound
    if found.version is None:
        raise rules.version_not_found(reference, found.name)
    return api.GetParameterResult(
        Parameter=answers.parameter(call, found, decrypt=bool(value.WithDecryption), selector=reference.shown_selector)
    )


def get_parameters(call: Call, value: api.GetParametersRequest) -> api.GetParametersResult:
    """Up to ten parameters, in the order of their names; what is not there is named as it was asked for.

    A denial of one name, by our policies, by Secrets Manager or by KMS, denies the whole call.
    """
    found: list[tuple[Value, str | None]] = []
    secrets: list[SecretReference] = []
    invalid: list[str] = []
    for text in rules.distinct_names(required(value.Names)):
        secret = parse_secret_reference(text, call.partition, call.region, call.account)
        if secret is not None:
            secret_references.authorize(call, "ssm:GetParameters", secret, value.WithDecryption)
            secrets.append(secret)
            continue
        reference = rules.parse_reference(text, call.partition, call.region, call.account)
        if reference is None:
            call.authorize("ssm:GetParameters", rules.literal_arn(call.partition, call.region, call.account, text))
            invalid.append(text)
            continue
        row = _authorized(call, "ssm:GetParameters", reference)
        if row is None or row.version is None:
            invalid.append(text)
        else:
            found.append((row, reference.shown_selector))
    decrypt = bool(value.WithDecryption)
    parameters = [answers.parameter(call, row, decrypt=decrypt, selector=selector) for row, selector in found]
    for secret in secrets:
        shown = _secret_or_none(call, secret)
        if shown is None:
            invalid.append(secret.sent)
        else:
            parameters.append(shown)
    parameters.sort(key=lambda parameter: (parameter.Name or "", parameter.Selector or ""))
    return api.GetParametersResult(Parameters=parameters, InvalidParameters=invalid)


def _secret_or_none(call: Call, secret: SecretReference) -> api.Parameter | None:
    """The secret that a reference names, None when there is none or cannot be."""
    if not secret.well_formed:
        return None
    try:
        return secret_parameter(call, secret)
    except api.ParameterNotFound:
        return None


def _reference(call: Call, text: str) -> Reference:
    """What a name or ARN asks for; ValidationException when it is neither, as AWS answers rather than "not found"."""
    reference = rules.parse_reference(text, call.partition, call.region, call.account)
    if reference is None:
        raise ValidationException(rules.NAME_TEXT)
    return reference


def _authorized(call: Call, action: str, reference: Reference) -> Value | None:
    """Read and authorize; nothing of what was read is shown before. None when there is no such parameter."""
    row = _read(call, reference) if reference.local else None
    access.authorize(call, action, reference, row.tags if row else "", row.resource_policy if row else "")
    return row


def _read(call: Call, reference: Reference) -> Value | None:
    place = (call.tx, reference.account, call.region, reference.path)
    if not reference.selector:
        return records.read_current(*place)
    version = reference.version
    if version is None:
        return records.read_labelled(*place, reference.selector)
    return records.read_version(*place, version)


# -- by path ---------------------------------------------------------------------------------------------------------


def get_parameters_by_path(call: Call, value: api.GetParametersByPathRequest) -> api.GetParametersByPathResult:
    """Parameters one level below a path, or at any depth. Authorized on the path, and on it only.

    With a Label filter the labelled versions, with their selectors, instead of the current ones. Raises
    ValidationException for a bad path, the InvalidFilter errors, InvalidNextToken.
    """
    path = rules.parse_path(required(value.Path))
    if path is None:
        raise ValidationException(rules.NAME_REQUIREMENTS_TEXT)
    recursive = bool(value.Recursive)
    wanted = filters.checked(value.ParameterFilters or [], filters.BY_PATH_OPTIONS)
    account = PUBLIC if rules.is_public(path) else call.account
    call.authorize(
        "ssm:GetParametersByPath",
        rules.arn_of(call.partition, call.region, account, path),
        {"ssm:Recursive": "true" if recursive else "false"},
    )
    scope = [path, recursive, wanted]
    position = answers.token_position(call, "GetParametersByPath", scope, value.NextToken)
    limit = value.MaxResults or PATH_PAGE
    labels = next((f.values for f in wanted if f.key == "Label"), ())
    page, following = (
        _labelled(call, account, path, recursive, wanted, labels, position, limit)
        if labels
        else _current(call, account, path, recursive, wanted, position, limit)
    )
    decrypt = bool(value.WithDecryption)
    return api.GetParametersByPathResult(
        Parameters=[answers.parameter(call, row, decrypt=decrypt, selector=selector) for row, selector in page],
        NextToken=None if following is None else next_token(call, "GetParametersByPath", scope, following),
    )


Page = tuple[list[tuple[Value, str | None]], list[int | str] | None]
"""Versions with the selectors to show, and the position after them."""


def _current(
    call: Call,
    account: str,
    path: str,
    recursive: bool,
    wanted: list[Filter],
    position: list[int | str] | None,
    limit: int,
) -> Page:
    part = filters.below_range(path, recursive=recursive)
    reader = listing.ranges_reader(
        [part],
        lambda part, low, count: records.list_values(call.tx, account, call.region, part, low, count),
        lambda row: row.path,
    )
    start = listing.place_of(position) if position else listing.first_place([part])
    rows, following = listing.scan(reader, start, lambda row: _passes(wanted, row), limit, listing.VALUE_ALLOWANCE)
    return [(row, None) for row in rows], None if following is None else list(following)


def _labelled(
    call: Call,
    account: str,
    path: str,
    recursive: bool,
    wanted: list[Filter],
    labels: tuple[str, ...],
    position: list[int | str] | None,
    limit: int,
) -> Page:
    """Versions that have one of the labels, in the order of path and version: the labels' own orders, merged."""
    everything = filters.below_range(path, recursive=True)

    def read(place: tuple[str, int], count: int) -> list[tuple[tuple[str, int], tuple[Value, str]]]:
        orders = [
            [
                ((row.path, row.version or 0), (row, label))
                for row in records.list_labelled(
                    call.tx, account, call.region, label, place[0], everything.high, count + 1
                )
                if (row.path, row.version or 0) >= place
            ]
            for label in labels
        ]
        merged = islice(merge(*orders, key=lambda entry: entry[0]), count)
        return [((where[0], where[1] + 1), entry) for where, entry in merged]

    seen: set[tuple[str, int | None]] = set()

    def passes(entry: tuple[Value, str]) -> bool:
        row = entry[0]
        if (row.path, row.version) in seen or not _passes(wanted, row):
            return False
        seen.add((row.path, row.version))
        return recursive or rules.parent_of(row.path) == path

    start = (str(position[0]), int(position[1])) if position else (everything.low, 0)
    rows, following = listing.scan(read, start, passes, limit, listing.VALUE_ALLOWANCE)
    return [(row, f":{label}") for row, label in rows], None if following is None else list(following)


def _passes(wanted: list[Filter], row: Value) -> bool:
    return filters.matches_by_path(wanted, row.type, row.key_id)


# -- history ---------------------------------------------------------------------------------------------------------


def get_parameter_history(call: Call, value: api.GetParameterHistoryRequest) -> api.GetParameterHistoryResult:
    """The versions that are kept, oldest first. Raises ParameterNotFound, InvalidNextToken."""
    reference = _reference(call, required(value.Name))
    if reference.selector:
        raise ValidationException(rules.NAME_TEXT)
    place = (call.tx, reference.account, call.region, reference.path)
    found = records.read_parameter(*place) if reference.local else None
    tags, policy = (found.tags, found.resource_policy) if found else ("", "")
    access.authorize(call, "ssm:GetParameterHistory", reference, tags, policy)
    if found is None:
        raise api.ParameterNotFound
    position = answers.token_position(call, "GetParameterHistory", reference.path, value.NextToken)
    limit = value.MaxResults or HISTORY_PAGE
    versions = version_records.list_versions(*place, position[0] if position else 0, limit + 1)
    labels: dict[int, list[str]] = {}
    for label, number in version_records.labels_of(*place).items():
        labels.setdefault(number, []).append(label)
    more = len(versions) > limit
    page = versions[:limit]
    return api.GetParameterHistoryResult(
        Parameters=[
            answers.history(call, found, version, labels.get(version.version, []), decrypt=bool(value.WithDecryption))
            for version in page
        ],
        NextToken=(next_token(call, "GetParameterHistory", reference.path, [page[-1].version]) if more else None),
    )
