"""Names, selectors, labels and versions: Parameter Store's rules as pure functions.

A parameter is found by its *path*, the name with its leading slash: `/X` and `X` are the same parameter ("Parameter
Store considers them as not unique", user guide, "Understanding requirements and constraints for parameter names"), and
only a name at the root can lack the slash. Replies show the name in the form in which it was created.

Texts are AWS's own where a public report shows them; those marked (ours) are worded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from holdfast.api import ssm as api
from holdfast.api.base import AccessDeniedException, ValidationException
from holdfast.services.arn import parse_arn

MAXIMUM_LEVELS = 15
MAXIMUM_ARN = 1011
"""The whole ARN (API reference, PutParameter, Name)."""
KEPT_VERSIONS = 100
MAXIMUM_LABELS = 10
"""On one version."""
DEFAULT_KEY = "alias/aws/ssm"
SECURE_STRING = "SecureString"
TEXT = "text"

PUBLIC = ""
"""The account of parameters that AWS, here the operator, publishes: their ARNs have none."""
PUBLIC_PREFIX = "/aws/service/"

NAME_TEXT = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
    "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 "
    "symbols .-_"
)
NAME_REQUIREMENTS_TEXT = (
    "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "
    '"/". It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive). It must use only letters, numbers, or '
    "the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, "
    'if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.'
)
"""The backslashes are in AWS's text."""
TAGS_AND_OVERWRITE_TEXT = (
    "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove "
    "overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource."
)

_SEGMENT = "[A-Za-z0-9_.-]+"
_NAME = re.compile(f"(?:{_SEGMENT}|(?:/{_SEGMENT})+)")
_PATH = re.compile(f"(?:/{_SEGMENT})*/?")
_LABEL = re.compile("[A-Za-z._-][A-Za-z0-9._-]{0,99}")


# -- names -----------------------------------------------------------------------------------------------------------


class Name(NamedTuple):
    """A well-formed name."""

    path: str
    """With its leading slash."""
    rooted: bool
    """Whether it was written with its leading slash."""

    @property
    def text(self) -> str:
        return self.path if self.rooted else self.path[1:]


def parse_name(text: str) -> Name | None:
    """The name in `text`, spaces around it removed; None when it is not one."""
    text = text.strip(" ")
    if not _NAME.fullmatch(text) or text.lstrip("/")[:3].lower() == "ssm":
        return None
    rooted = text.startswith("/")
    return Name(text if rooted else f"/{text}", rooted)


def shown_name(path: str, rooted: int) -> str:
    """A stored name as it was created."""
    return path if rooted else path[1:]


def parent_of(path: str) -> str:
    """The path one level up: `/a` of `/a/b`, `/` of `/a`."""
    return path.rpartition("/")[0] or "/"


def arn_of(partition: str, region: str, account: str, path: str) -> str:
    """`arn:aws:ssm:<region>:<account>:parameter/a/b`."""
    return f"arn:{partition}:ssm:{region}:{account}:parameter{path}"


def everything_arn(partition: str, region: str, account: str) -> str:
    """What DescribeParameters is asked for, which names no parameter: AWS's denials say this, and not `*`."""
    return f"arn:{partition}:ssm:{region}:{account}:*"


def literal_arn(partition: str, region: str, account: str, text: str) -> str:
    """The ARN of whatever the caller sent as a name, to authorize before anything is said about it."""
    return arn_of(partition, region, account, "/" + text.strip(" ").removeprefix("/"))


def new_name(text: str, partition: str, region: str, account: str) -> Name:
    """The name of a parameter to be written; raises what breaks a rule, as PutParameter does."""
    name = writable_name(text)
    if name.path.count("/") > MAXIMUM_LEVELS:
        raise api.HierarchyLevelLimitExceededException(
            f"Hierarchy depth exceeds maximum of {MAXIMUM_LEVELS} levels. Reduce the number of levels and try again."
        )
    if len(arn_of(partition, region, account, name.path)) > MAXIMUM_ARN:
        raise ValidationException(  # (ours)
            f"Parameter name: can't be longer than {MAXIMUM_ARN} characters, including the ARN that precedes it: "
            f"{arn_of(partition, region, account, '/')}"
        )
    return name


def is_public(path: str) -> bool:
    """Whether a path is among those that the operator publishes to everybody, or the top of them."""
    return f"{path}/".startswith(PUBLIC_PREFIX)


def writable_name(text: str) -> Name:
    """The name of a parameter to be changed. An ARN or a selector is none; AWS's own names are out of reach."""
    refuse_reserved(text)
    return required_name(text)


def refuse_reserved(text: str) -> None:
    """Nobody writes a name of AWS's own."""
    stripped = text.strip(" ").removeprefix("/")
    if stripped[:3].lower() == "aws":
        raise AccessDeniedException(f"No access to reserved parameter name: {stripped}.")


def required_name(text: str) -> Name:
    """A name, or ValidationException."""
    name = parse_name(text)
    if name is None:
        raise ValidationException(NAME_TEXT)
    return name


def parse_path(text: str) -> str | None:
    """The path of a listing without its trailing slash, `/` for the root; None when it is not one."""
    text = text.strip(" ")
    if not text.startswith("/") or not _PATH.fullmatch(text) or text[1:4].lower() == "ssm":
        return None
    return text.rstrip("/") or "/"


# -- references: a name or an ARN, and a selector --------------------------------------------------------------------


class Reference(NamedTuple):
    """What a read asks for."""

    path: str
    selector: str
    """`3` or `label`; empty for the current version."""
    arn: str
    """Without the selector."""
    account: str
    """Whose parameter it is."""
    local: bool
    """Whether it could be in the region and partition that the call was sent to."""

    @property
    def version(self) -> int | None:
        """The version that the selector names; None when it names a label."""
        if self.selector.isascii() and self.selector.isdigit():
            return min(int(self.selector), 2**63 - 1)
        return None

    @property
    def shown_selector(self) -> str | None:
        return f":{self.selector}" if self.selector else None


class Sent(NamedTuple):
    """What a request names a parameter by, taken apart; nothing of the text is checked."""

    text: str
    """The name, with whatever stands behind it."""
    partition: str
    region: str
    account: str
    local: bool
    """Whether it could be in the region and partition that the call was sent to."""


def sent_name(text: str, partition: str, region: str, account: str) -> Sent | None:
    """A name of the caller's own place, or an ARN with its own; None for an ARN of something else."""
    if not text.startswith("arn:"):
        return Sent(text, partition, region, account, local=True)
    arn = parse_arn(text)
    if arn is None or arn.service != "ssm" or not arn.resource.startswith("parameter/"):
        return None
    local = (arn.partition, arn.region) == (partition, region)
    return Sent(arn.resource.removeprefix("parameter"), arn.partition, arn.region, arn.account, local)


def parse_reference(text: str, partition: str, region: str, account: str) -> Reference | None:
    """A parameter's name or full ARN, with or without `:version` or `:label`; None when it is neither."""
    sent = sent_name(text.strip(" "), partition, region, account)
    if sent is None:
        return None
    named, colon, selector = sent.text.partition(":")
    name = parse_name(named)
    if name is None or (colon and not selector) or ":" in selector:
        return None
    owner = PUBLIC if is_public(name.path) else sent.account
    return Reference(name.path, selector, arn_of(sent.partition, sent.region, owner, name.path), owner, sent.local)


def version_not_found(reference: Reference, name: str) -> api.ParameterVersionNotFound:
    """The parameter exists, what the selector names does not."""
    if reference.version is not None:
        return no_such_version(reference.selector, name)
    return api.ParameterVersionNotFound(
        f"Systems Manager could not find label {reference.selector} for parameter {name}. "
        "Verify the label and try again."
    )


def no_such_version(version: int | str, name: str) -> api.ParameterVersionNotFound:
    return api.ParameterVersionNotFound(
        f"Systems Manager could not find version {version} of {name}. Verify the version and try again."
    )


def distinct_names(names: list[str]) -> list[str]:
    """GetParameters takes a name only once; ValidationException."""
    if len(set(names)) < len(names):
        raise ValidationException(  # (ours)
            f"1 validation error detected: Value '[{', '.join(names)}]' at 'names' failed to satisfy constraint: "
            "Member must not contain duplicates"
        )
    return names


# -- versions --------------------------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """What a version carries besides its value and its times."""

    type: str
    key_id: str
    """Empty unless the type is SecureString."""
    description: str
    allowed_pattern: str
    tier: str
    """Empty until it is decided."""
    data_type: str
    policies: str = ""
    """Parameter policies, as `policies.encode` writes them."""


def next_settings(previous: Settings | None, value: api.PutParameterRequest) -> Settings:
    """What the version that PutParameter writes carries; `previous` is the current version's, None for a new parameter.

    A member that is not sent keeps its previous value, an empty one clears it. So a SecureString stays under its key:
    Terraform sends KeyId only when it changes, and plans a change for ever after a value change if the key went back.
    Tier and policies are the previous ones, for the caller to decide.
    """
    if previous is None and value.Type is None:
        raise ValidationException("A parameter type is required when you create a parameter.")
    kept = previous or Settings("", "", "", "", "", TEXT)
    kind = value.Type or kept.type
    if previous is not None and kind != previous.type:
        raise api.HierarchyTypeMismatchException(
            f"The parameter type can't be changed from {previous.type} to {kind}. You must create a new, unique "
            "parameter."
        )
    if value.KeyId is not None and kind != SECURE_STRING:
        raise ValidationException("KeyId is required for SecureString type parameter only")
    return Settings(
        kind,
        (value.KeyId or kept.key_id or DEFAULT_KEY) if kind == SECURE_STRING else "",
        kept.description if value.Description is None else value.Description,
        kept.allowed_pattern if value.AllowedPattern is None else value.AllowedPattern,
        kept.tier,
        value.DataType or kept.data_type,
        kept.policies,
    )


def check_new_version(value: api.PutParameterRequest) -> None:
    """Refuse what no version may be, whatever its tier."""
    text = value.Value or ""
    if not text:
        raise ValidationException(
            "1 validation error detected: Value at 'value' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    if value.Tags and value.Overwrite:
        raise ValidationException(TAGS_AND_OVERWRITE_TEXT)
    opening = text.find("{{")
    if opening >= 0 and text.find("}}", opening + 2) >= 0:
        raise ValidationException('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.')


def version_to_drop(new_version: int) -> int | None:
    """The oldest version, which goes when `new_version` is written; None while there is room.

    Versions are numbered without gaps and only the oldest ever goes, so 100 are kept: `new_version - 99` and up.
    """
    return new_version - KEPT_VERSIONS if new_version > KEPT_VERSIONS else None


def oldest_is_labelled(name: str, version: int) -> api.ParameterMaxVersionLimitExceeded:
    """The oldest version would go, but a label holds it."""
    return api.ParameterMaxVersionLimitExceeded(
        f"You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. "
        f"Version {version}, the oldest version, can't be deleted because it has a label associated with it. "
        "Move the label to another version of the parameter, and try again."
    )


# -- labels ----------------------------------------------------------------------------------------------------------


def is_label(text: str) -> bool:
    """Whether this may be a label (API reference, LabelParameterVersion)."""
    return _LABEL.fullmatch(text) is not None and text[:3].lower() not in {"aws", "ssm"}


def attach(labels: Mapping[str, int], version: int, wanted: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which labels LabelParameterVersion puts on `version`, and which it refuses.

    `labels` are all of the parameter, with their versions; one that is on another version moves.
    Raises ParameterVersionLabelLimitExceeded, and then none is attached.
    """
    asked = list(dict.fromkeys(wanted))
    valid = [label for label in asked if is_label(label)]
    after = {label for label, at in labels.items() if at == version}.union(valid)
    if len(after) > MAXIMUM_LABELS:
        raise api.ParameterVersionLabelLimitExceeded("A parameter version can have a maximum of ten labels.")
    return [label for label in valid if labels.get(label) != version], [label for label in asked if not is_label(label)]


def detach(labels: Mapping[str, int], version: int, wanted: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which labels UnlabelParameterVersion takes off `version`, and which are not on it."""
    asked = list(dict.fromkeys(wanted))
    removed = [label for label in asked if labels.get(label) == version]
    return removed, [label for label in asked if labels.get(label) != version]
