"""Rules of IAM that need nothing but their arguments: ids, names, ARNs, quotas, tags, and the texts of its errors.

Quotas are AWS's defaults (IAM user guide, "IAM and AWS STS quotas"). Texts are those of public reports; what nobody
reports is listed in `ledger.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from holdfast.api import iam
from holdfast.api.base import ValidationException
from holdfast.services.arn import parse_arn

if TYPE_CHECKING:
    from holdfast.vault.randomness import Randomness

Kind = Literal["user", "group", "role"]

ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
ID_PREFIXES = {"user": "AIDA", "group": "AGPA", "role": "AROA", "policy": "ANPA"}

QUOTAS: Mapping[str, int] = {
    "UsersPerAccount": 5000,
    "GroupsPerAccount": 300,
    "RolesPerAccount": 1000,
    "PoliciesPerAccount": 1500,
    "OpenIdConnectProvidersPerAccount": 100,
    "GroupsPerUser": 10,
    "AccessKeysPerUser": 2,
    "PoliciesPerUser": 10,
    "PoliciesPerGroup": 10,
    "PoliciesPerRole": 10,
    "ClientIdsPerOpenIdConnectProvider": 100,
    "VersionsPerPolicy": 5,
    "PolicySize": 6144,
    "ACLSizePerRole": 2048,
}
"""AWS's name of a quota, as in "Cannot exceed quota for UsersPerAccount: 5000", and its default."""
INLINE_SIZES: Mapping[Kind, int] = {"user": 2048, "group": 5120, "role": 10240}
"""Characters of all inline policies of one owner together, white space not counted."""
MOST_TAGS = 50
MOST_THUMBPRINTS = 5
DEFAULT_SESSION = 3600
SERVICE_ROLES = "/aws-service-role/"
"""Where service-linked roles are; nobody else's role may be there."""

_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
_PATH = re.compile(r"/|/[\x21-\x7e]+/")
_POLICY_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy(/[\x21-\x7e]*)?/([\w+=,.@-]+)", re.ASCII)
_PROVIDER_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):oidc-provider/([\x21-\x7e]+)")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{40}")
# Host names as in RFC 1123, an address in brackets, and whatever a path may be.
_URL = re.compile(r"(https?)://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?((?:/[\x21\x24-\x3e\x40-\x7e]*)?)")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")
_WHITE_SPACE = str.maketrans("", "", "\t\n\r ")


# -- ids, names, ARNs ---------------------------------------------------------------------------------------------------


def new_id(randomness: Randomness, kind: str) -> str:
    """A unique id: four letters for the kind and 17 characters (IAM user guide, "Understanding unique ID prefixes")."""
    return ID_PREFIXES[kind] + randomness.token(ID_ALPHABET, 17)


def arn_of(partition: str, account: str, kind: str, path: str, name: str) -> str:
    """`arn:aws:iam::123456789012:user/path/name`."""
    return f"arn:{partition}:iam::{account}:{kind}{path}{name}"


def check_name(member: str, name: str) -> str:
    """The name, if its characters are allowed; the model has checked its length."""
    if not _NAME.fullmatch(name):
        raise ValidationException(
            f"The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the "
            "following: +=,.@_-"
        )
    return name


def check_path(path: str | None, member: str = "path") -> str:
    """The path, `/` when none is given."""
    found = "/" if path is None else path
    if not _PATH.fullmatch(found):
        raise ValidationException(
            f"The specified value for {member} is invalid. It must begin and end with / and contain only alphanumeric "
            "characters and/or / characters."
        )
    return found


def policy_arn_parts(arn: str) -> tuple[str, str, str]:
    """Account (`aws` for AWS's own), path and name of a managed policy's ARN; InvalidInput when it is none."""
    found = _POLICY_ARN.fullmatch(arn)
    if found is None:
        raise iam.InvalidInputException(f"ARN {arn} is not valid.")
    return found[1], f"{found[2] or ''}/", found[3]


def provider_name(arn: str) -> tuple[str, str]:
    """Account and name (the URL without its scheme) of an OpenID Connect provider's ARN; InvalidInput."""
    found = _PROVIDER_ARN.fullmatch(arn)
    if found is None:
        raise iam.InvalidInputException(f"Invalid ARN: {arn}")
    return found[1], found[2]


def entity_arn_parts(arn: str) -> tuple[str, Kind, str] | None:
    """Account, kind and name of a user's, group's or role's ARN; None when it is none."""
    parts = parse_arn(arn)
    if parts is None or parts.service != "iam" or parts.region or not parts.account:
        return None
    kind, slash, rest = parts.resource.partition("/")
    name = rest.rpartition("/")[2]
    if not slash or not _NAME.fullmatch(name):
        return None
    for known in ("user", "group", "role"):
        if kind == known:
            return parts.account, known, name
    return None


def provider_of_url(url: str) -> str:
    """The URL without its scheme, which is the provider's name.

    AWS takes `https` only, without a port. So does this, and `http` or a port for the machine itself.
    """
    found = _URL.fullmatch(url)
    loopback = found is not None and _LOOPBACK.fullmatch(found[2])
    if found is None or (not loopback and (found[1] != "https" or found[3])):
        raise ValidationException("Invalid Open ID Connect Provider URL")
    return url.partition("://")[2]


def check_thumbprints(thumbprints: Sequence[str]) -> list[str]:
    """SHA-1 hashes of certificates, in hexadecimal."""
    if len(thumbprints) > MOST_THUMBPRINTS:
        raise iam.InvalidInputException("Thumbprint list must contain fewer than 5 entries.")
    if not all(_HEXADECIMAL.fullmatch(thumbprint) for thumbprint in thumbprints):
        raise iam.InvalidInputException("Thumbprint list contains an invalid thumbprint.")
    return list(dict.fromkeys(thumbprints))


# -- documents ----------------------------------------------------------------------------------------------------------


def encoded(document: str) -> str:
    """A policy document as IAM's answers carry it: percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def size_of(document: str) -> int:
    """Characters that count towards a quota: IAM does not count white space."""
    return len(document.translate(_WHITE_SPACE))


def check_size(document: str, quota: str) -> None:
    """LimitExceeded when a document is larger than the quota allows."""
    if size_of(document) > QUOTAS[quota]:
        raise exceeded(quota)


# -- quotas and tags ----------------------------------------------------------------------------------------------------


def exceeded(quota: str) -> iam.LimitExceededException:
    return iam.LimitExceededException(f"Cannot exceed quota for {quota}: {QUOTAS[quota]}")


def check_quota(quota: str, present: int) -> None:
    """LimitExceeded when one more would be too many."""
    if present >= QUOTAS[quota]:
        raise exceeded(quota)


def given_tags(tags: Sequence[iam.Tag] | None) -> dict[str, str]:
    """The tags of a request. Keys that differ in case only are one key and must not repeat."""
    found: dict[str, str] = {}
    folded: set[str] = set()
    for tag in tags or ():
        key = tag.Key or ""
        if key.lower() in folded:
            raise iam.InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
        if key.lower().startswith("aws:"):
            raise iam.InvalidInputException("Tag keys beginning with aws: are reserved for system use.")
        folded.add(key.lower())
        found[key] = tag.Value or ""
    return found


def with_tags(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Tags after TagUser and its like: a key of another case is replaced, with its case."""
    folded = {key.lower() for key in given}
    tags = {key: value for key, value in present.items() if key.lower() not in folded} | dict(given)
    if len(tags) > MOST_TAGS:
        raise iam.LimitExceededException("The number of tags has reached the maximum limit.")
    return tags


def without_tags(present: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Tags after UntagUser and its like; a key that is not there is no error."""
    folded = {key.lower() for key in keys}
    return {key: value for key, value in present.items() if key.lower() not in folded}


# -- errors -------------------------------------------------------------------------------------------------------------


def not_found(kind: Kind, name: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"The {kind} with name {name} cannot be found.")


def exists(kind: Kind, name: str) -> iam.EntityAlreadyExistsException:
    return iam.EntityAlreadyExistsException(f"{kind.capitalize()} with name {name} already exists.")


def inline_not_found(kind: Kind, name: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"The {kind} policy with name {name} cannot be found.")


def policy_not_found(arn: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"Policy {arn} was not found.")


def policy_not_attachable(arn: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"Policy {arn} does not exist or is not attachable.")


def boundary_not_attachable(arn: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"Scope ARN: {arn} does not exist or is not attachable.")


def version_not_found(arn: str, version: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"Policy {arn} version {version} does not exist or is not attachable.")


def key_not_found(access_key_id: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"The Access Key with id {access_key_id} cannot be found.")


def provider_not_found(arn: str) -> iam.NoSuchEntityException:
    return iam.NoSuchEntityException(f"OpenIDConnect Provider not found for arn {arn}")


def conflict(what: str) -> iam.DeleteConflictException:
    return iam.DeleteConflictException(f"Cannot delete entity, must {what} first.")


def seconds(milliseconds: int) -> float:
    """A moment as IAM's answers show it: to the second."""
    return float(milliseconds // 1000)
