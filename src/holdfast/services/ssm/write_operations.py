"""PutParameter, DeleteParameter, DeleteParameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import ContextValue
from holdfast.api import ssm as api
from holdfast.services.ssm import records, rules
from holdfast.services.ssm.answers import arn, required, tag_context
from holdfast.services.ssm.java_patterns import BadPattern, UnsupportedPattern, compile_pattern
from holdfast.services.ssm.records import Parameter, Version
from holdfast.services.ssm.rules import Name, Settings
from holdfast.services.ssm.tags import request_tag_context, tags_of, with_tags
from holdfast.services.ssm.values import protect

if TYPE_CHECKING:
    from holdfast.services.call import Call


def put_parameter(call: Call, value: api.PutParameterRequest) -> api.PutParameterResult:
    """Create a parameter, or with Overwrite write its next version, whether or not anything changed.

    Authorized with `ssm:Overwrite`, and for tags with ssm:AddTagsToResource too. Raises ParameterAlreadyExists,
    HierarchyTypeMismatchException, InvalidAllowedPatternException, ParameterPatternMismatchException, InvalidKeyId,
    ParameterMaxVersionLimitExceeded; NotImplementedException for the advanced tier, policies and data types.
    """
    name = rules.new_name(required(value.Name), call.partition, call.region, call.account)
    rules.check_new_version(value)
    tags = with_tags({}, tags_of(value.Tags or []))
    before = records.read_parameter(call.tx, call.account, call.region, name.path)
    _authorize_put(call, value, name, tags, before)
    if before is not None and not value.Overwrite:
        raise api.ParameterAlreadyExists(
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
    settings = rules.next_settings(before.settings if before else None, value)
    text = required(value.Value)
    _check_pattern(settings.allowed_pattern, text)
    number = before.version + 1 if before else 1
    if before is not None:
        _make_room(call, before, number)
    sealed, encrypted = protect(call, name.path, number, settings.type, settings.key_id, text)
    if before is None:
        _insert(call, name, settings)
    else:
        records.update_parameter(
            call.tx, call.account, call.region, name.path, number, settings, call.now, call.principal.arn
        )
    version = Version(number, settings, call.now, call.principal.arn, sealed, encrypted)
    records.insert_version(call.tx, call.account, call.region, name.path, version)
    if tags:
        records.write_tags(call.tx, call.account, call.region, name.path, tags)
    return api.PutParameterResult(Version=number, Tier=settings.tier)


def _authorize_put(
    call: Call, value: api.PutParameterRequest, name: Name, tags: dict[str, str], before: Parameter | None
) -> None:
    resource = arn(call, name.path)
    tagged = request_tag_context(tags)
    context: dict[str, ContextValue] = {"ssm:Overwrite": "true" if value.Overwrite else "false", **tagged}
    if value.Policies:
        context["ssm:Policies"] = value.Policies
    if before is not None:
        context.update(tag_context(before.tags))
    call.authorize("ssm:PutParameter", resource, context)
    if tags:
        call.authorize("ssm:AddTagsToResource", resource, tagged)


def _insert(call: Call, name: Name, settings: Settings) -> None:
    records.insert_parameter(
        call.tx, call.account, call.region, name.path, name.rooted, settings, call.now, call.principal.arn
    )


def _check_pattern(pattern: str, value: str) -> None:
    """Match the whole value with a Java regular expression; the pattern of an earlier version holds until replaced."""
    if not pattern:
        return
    try:
        compiled = compile_pattern(pattern)
    except UnsupportedPattern as error:
        raise api.InvalidAllowedPatternException(
            f"The allowed pattern has {error}, which Holdfast does not implement: patterns are matched in linear time."
        ) from None
    except BadPattern as error:
        raise api.InvalidAllowedPatternException(
            f"The allowed pattern is not a valid regular expression: it has {error}."
        ) from None
    if not compiled.matches(value):
        raise api.ParameterPatternMismatchException(
            f"Parameter value, cannot be validated against allowedPattern: {pattern}"
        )


def _make_room(call: Call, before: Parameter, number: int) -> None:
    """Drop the oldest version when there would be too many; a label holds it."""
    oldest = rules.version_to_drop(number)
    if oldest is None:
        return
    place = (call.tx, call.account, call.region, before.path)
    if records.has_label(*place, oldest):
        raise rules.oldest_is_labelled(before.name, oldest)
    records.delete_version(*place, oldest)


def delete_parameter(call: Call, value: api.DeleteParameterRequest) -> api.DeleteParameterResult:
    """Delete a parameter with all its versions, labels and tags. Raises ParameterNotFound."""
    name = rules.writable_name(required(value.Name))
    _authorize_delete(call, "ssm:DeleteParameter", name)
    if not records.delete_parameter(call.tx, call.account, call.region, name.path):
        raise api.ParameterNotFound
    return api.DeleteParameterResult()


def delete_parameters(call: Call, value: api.DeleteParametersRequest) -> api.DeleteParametersResult:
    """Delete up to ten parameters, all or none; those that are not there are named, not raised."""
    deleted: list[str] = []
    invalid: list[str] = []
    for text in dict.fromkeys(required(value.Names)):
        rules.refuse_reserved(text)
        name = rules.parse_name(text)
        if name is None:
            literal = rules.literal_arn(call.partition, call.region, call.account, text)
            call.authorize("ssm:DeleteParameters", literal)
        else:
            _authorize_delete(call, "ssm:DeleteParameters", name)
        gone = name is not None and records.delete_parameter(call.tx, call.account, call.region, name.path)
        (deleted if gone else invalid).append(text)
    return api.DeleteParametersResult(DeletedParameters=deleted, InvalidParameters=invalid)


def _authorize_delete(call: Call, action: str, name: Name) -> None:
    found = records.read_parameter(call.tx, call.account, call.region, name.path)
    call.authorize(action, arn(call, name.path), tag_context(found.tags if found else ""))
