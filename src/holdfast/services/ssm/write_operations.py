"""PutParameter, DeleteParameter, DeleteParameters.

Names below /aws/service/ are AWS's own: here the operator's, who publishes with these same operations over the control
socket of the data directory (`holdfast parameters publish`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.access.decision import ContextValue
from holdfast.access.principal import PrincipalKind
from holdfast.api import ssm as api
from holdfast.services.ssm import data_types, events, jobs, policies, records, rules, tiers, version_records
from holdfast.services.ssm.answers import arn, required, tag_context
from holdfast.services.ssm.java_patterns import BadPattern, UnsupportedPattern, compile_pattern
from holdfast.services.ssm.records import Parameter
from holdfast.services.ssm.resource_policies import compiled
from holdfast.services.ssm.rules import PUBLIC, Name, Settings
from holdfast.services.ssm.service_settings import default_tier
from holdfast.services.ssm.tags import tags_of, with_tags
from holdfast.services.ssm.values import protect, reveal
from holdfast.services.ssm.version_records import Version
from holdfast.services.stored_tags import request_context

if TYPE_CHECKING:
    from holdfast.services.call import Call


def put_parameter(call: Call, value: api.PutParameterRequest) -> api.PutParameterResult:
    """Create a parameter, or with Overwrite write its next version, whether or not anything changed.

    Authorized with `ssm:Overwrite`, and for tags with ssm:AddTagsToResource too. Raises ParameterAlreadyExists,
    HierarchyTypeMismatchException, InvalidAllowedPatternException, ParameterPatternMismatchException, InvalidKeyId,
    ParameterMaxVersionLimitExceeded, ParameterLimitExceeded and the errors of parameter policies.
    """
    text = required(value.Name)
    account, name = _published(call, text) or (
        call.account,
        rules.new_name(text, call.partition, call.region, call.account),
    )
    rules.check_new_version(value)
    tags = with_tags({}, tags_of(value.Tags or []))
    before = records.read_parameter(call.tx, account, call.region, name.path)
    _authorize_put(call, value, account, name, tags, before)
    if before is not None and not value.Overwrite:
        raise api.ParameterAlreadyExists(
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        )
    settings = _settings(call, value, account, name, before)
    number = before.version + 1 if before else 1
    if settings.data_type == data_types.IMAGE and not _image_exists(call, required(value.Value)):
        return _refuse_image(call, account, before, name, settings, number)
    if before is not None:
        _make_room(call, before, number)
    sealed, encrypted = protect(call, account, name.path, number, settings, required(value.Value))
    _write_parameter(call, account, name, before, number, settings)
    version = Version(number, settings, call.now, call.principal.arn, sealed, encrypted)
    version_records.insert_version(call.tx, account, call.region, name.path, version)
    if tags:
        records.write_tags(call.tx, account, call.region, name.path, tags)
    if account != PUBLIC:
        jobs.schedule_policies(call, name.path, before.settings.policies if before else "", settings.policies)
    _tell(call, account, before, name, settings)
    return api.PutParameterResult(Version=number, Tier=settings.tier)


def _published(call: Call, text: str) -> tuple[str, Name] | None:
    """The account and the name of a public parameter that the operator writes; None for everything else.

    No policy speaks of the operator, who owns the data directory: being one is what allows it.
    """
    if call.principal.kind is PrincipalKind.OPERATOR:
        name = rules.parse_name(text)
        if name is not None and rules.is_public(name.path):
            return PUBLIC, name
    return None


def _authorize_put(
    call: Call,
    value: api.PutParameterRequest,
    account: str,
    name: Name,
    tags: dict[str, str],
    before: Parameter | None,
) -> None:
    if account == PUBLIC:
        call.without_authorization("ssm:PutParameter")
        return
    resource = arn(call, account, name.path)
    tagged = request_context(tags)
    context: dict[str, ContextValue] = {"ssm:Overwrite": "true" if value.Overwrite else "false", **tagged}
    if value.Policies:
        context["ssm:Policies"] = value.Policies
    if before is not None:
        context.update(tag_context(before.tags))
    policy = compiled(before.resource_policy if before else "")
    call.authorize("ssm:PutParameter", resource, context, resource_policy=policy)
    if tags:
        call.authorize("ssm:AddTagsToResource", resource, tagged, resource_policy=policy)


# -- what the version carries ----------------------------------------------------------------------------------------


def _settings(
    call: Call, value: api.PutParameterRequest, account: str, name: Name, before: Parameter | None
) -> Settings:
    text = required(value.Value)
    previous = before.settings if before else None
    settings = rules.next_settings(previous, value)
    data_type = previous.data_type if previous else None
    data_types.check_data_type(settings.data_type, data_type, settings.type, name.path, text)
    kept = policies.decode(settings.policies)
    sent = (
        policies.preserved(kept, call.now) if value.Policies is None else policies.parse(value.Policies, call.now, kept)
    )
    settings = settings._replace(
        tier=_tier(call, value, account, settings, before, has_policies=bool(sent)), policies=policies.encode(sent)
    )
    tiers.check_fits(settings.tier, len(text.encode()), settings.data_type, has_policies=bool(sent))
    _check_pattern(settings.allowed_pattern, text)
    return settings


def _tier(
    call: Call,
    value: api.PutParameterRequest,
    account: str,
    settings: Settings,
    before: Parameter | None,
    *,
    has_policies: bool,
) -> str:
    """The tier, and room in it."""
    previous = before.tier if before else None
    size = len(required(value.Value).encode())
    needs = size > tiers.MAXIMUM_VALUE[tiers.STANDARD] or has_policies
    limits = call.surroundings.control.parameters_per_region
    default = tiers.STANDARD if value.Tier or account == PUBLIC else default_tier(call)
    count = 0
    if previous is None:
        count = records.count_of(call.tx, account, call.region, tiers.STANDARD)
    tier = tiers.tier_of(
        value.Tier,
        default,
        previous,
        needs_advanced=needs or settings.data_type in tiers.ADVANCED_DATA_TYPES,
        standard_is_full=count >= limits[tiers.STANDARD],
    )
    if tier != previous and account != PUBLIC:
        if tier != tiers.STANDARD:
            count = records.count_of(call.tx, account, call.region, tier)
        tiers.check_count(count, limits[tier])
    return tier


def _check_pattern(pattern: str, value: str) -> None:
    """Match the whole value with a Java regular expression; the pattern of an earlier version holds until replaced."""
    if not pattern:
        return
    try:
        compiled_pattern = compile_pattern(pattern)
    except UnsupportedPattern as error:
        raise api.InvalidAllowedPatternException(
            f"The allowed pattern has {error}, which Holdfast does not implement: patterns are matched in linear time."
        ) from None
    except BadPattern as error:
        raise api.InvalidAllowedPatternException(
            f"The allowed pattern is not a valid regular expression: it has {error}."
        ) from None
    if not compiled_pattern.matches(value):
        raise api.ParameterPatternMismatchException(
            f"Parameter value, cannot be validated against allowedPattern: {pattern}"
        )


# -- images ----------------------------------------------------------------------------------------------------------


def _image_exists(call: Call, image: str) -> bool:
    """Whether a text is an image that the operator published in this region, and the caller may know of it."""
    if not data_types.CHECKS[data_types.IMAGE](image) or not call.check("ec2:DescribeImages", "*").allowed:
        return False
    published = records.read_current(call.tx, PUBLIC, call.region, data_types.IMAGES)
    return published is not None and image in reveal_public(call, published).split(",")


def reveal_public(call: Call, published: records.Value) -> str:
    """The value of a parameter that everybody may read."""
    assert published.version is not None
    return reveal(call, PUBLIC, published.path, published.version, published.stored, decrypt=False)


def _refuse_image(
    call: Call, account: str, before: Parameter | None, name: Name, settings: Settings, number: int
) -> api.PutParameterResult:
    """Answer as if the version were there, and tell that it is not.

    "A successful HTTP 200 response does not guarantee that your parameter was successfully created or updated. The
    aws:ec2:image value is validated asynchronously" (API reference, PutParameter, DataType). Here the validation is over
    before the answer is.
    """
    _tell(call, account, before, name, settings, events.UNKNOWN_IMAGE)
    return api.PutParameterResult(Version=number, Tier=settings.tier)


def _tell(
    call: Call, account: str, before: Parameter | None, name: Name, settings: Settings, exception: str = ""
) -> None:
    operation = events.UPDATE if before else events.CREATE
    shown = before.name if before else name.text
    events.changed(call, account, name.path, shown, settings, operation, exception=exception)


# -- rows ------------------------------------------------------------------------------------------------------------


def _write_parameter(
    call: Call, account: str, name: Name, before: Parameter | None, number: int, settings: Settings
) -> None:
    by = call.principal.arn
    if before is None:
        records.insert_parameter(call.tx, account, call.region, name.path, name.rooted, settings, call.now, by)
    else:
        records.update_parameter(call.tx, account, call.region, name.path, number, settings, call.now, by)
        if before.tier == settings.tier:
            return
        records.add_to_count(call.tx, account, call.region, before.tier, -1)
    records.add_to_count(call.tx, account, call.region, settings.tier, 1)


def _make_room(call: Call, before: Parameter, number: int) -> None:
    """Drop the oldest version when there would be too many; a label holds it."""
    oldest = rules.version_to_drop(number)
    if oldest is None:
        return
    place = (call.tx, before.account, call.region, before.path)
    if version_records.has_label(*place, oldest):
        raise rules.oldest_is_labelled(before.name, oldest)
    version_records.delete_version(*place, oldest)


# -- deleting --------------------------------------------------------------------------------------------------------


def delete_parameter(call: Call, value: api.DeleteParameterRequest) -> api.DeleteParameterResult:
    """Delete a parameter with all its versions, labels, tags and policies. Raises ParameterNotFound."""
    text = required(value.Name)
    account, name = _published(call, text) or (call.account, rules.writable_name(text))
    found = _authorized_to_delete(call, "ssm:DeleteParameter", account, name)
    if found is None:
        raise api.ParameterNotFound
    jobs.delete(call, found)
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
            found = None
        else:
            found = _authorized_to_delete(call, "ssm:DeleteParameters", call.account, name)
        if found is not None:
            jobs.delete(call, found)
        (deleted if found else invalid).append(text)
    return api.DeleteParametersResult(DeletedParameters=deleted, InvalidParameters=invalid)


def _authorized_to_delete(call: Call, action: str, account: str, name: Name) -> Parameter | None:
    found = records.read_parameter(call.tx, account, call.region, name.path)
    if account == PUBLIC:
        call.without_authorization(action)
        return found
    policy = compiled(found.resource_policy if found else "")
    context = tag_context(found.tags if found else "")
    call.authorize(action, arn(call, account, name.path), context, resource_policy=policy)
    return found
