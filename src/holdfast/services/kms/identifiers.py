"""What a KeyId can be: a key id, a key ARN, an alias name or an alias ARN.

Management operations take the first two only. Replies name a key by its ARN. Texts: recorded answers of KMS.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from holdfast.api.base import ServiceError, ValidationException
from holdfast.api.kms import InvalidAliasNameException, InvalidArnException, NotFoundException
from holdfast.remember import remember
from holdfast.services.arn import parse_arn

ALIAS_PREFIX = "alias/"
AWS_ALIAS_PREFIX = "alias/aws/"

_KEY_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|mrk-[0-9a-fA-F]{32}")
_ACCOUNT = re.compile(r"[0-9]{12}")


class NotAuthorizedException(ServiceError):
    """What KMS answers, without a text, to a customer who names an alias of AWS's own. The model does not list it."""

    code = "NotAuthorizedException"


class KeyReference(NamedTuple):
    """A KeyId taken apart: whose key, and either its id or one of its aliases."""

    account: str
    key_id: str
    alias: str
    """With its `alias/`; empty when the key was named by its id."""


def key_arn(partition: str, region: str, account: str, key_id: str) -> str:
    return f"arn:{partition}:kms:{region}:{account}:key/{key_id}"


def alias_arn(partition: str, region: str, account: str, name: str) -> str:
    """`name` begins with `alias/`."""
    return f"arn:{partition}:kms:{region}:{account}:{name}"


def key_not_found(arn: str) -> NotFoundException:
    return NotFoundException(f"Key '{arn}' does not exist")


def alias_not_found(arn: str) -> NotFoundException:
    return NotFoundException(f"Alias {arn} is not found.")


_references: Final[dict[tuple[str, str, str], KeyReference]] = {}


def parse_key_id(text: str, account: str, region: str) -> KeyReference:
    """Take apart the KeyId of a caller of `account` in `region`. Whether such a key exists is another question.

    Raises NotFoundException or InvalidArnException with KMS's texts.
    """
    name = (text, account, region)
    return _references.get(name) or remember(_references, name, _parse(text, account, region), 1024)


def _parse(text: str, account: str, region: str) -> KeyReference:
    if text.startswith("arn:"):
        return _parse_arn(text, region)
    if text.startswith(ALIAS_PREFIX):
        return KeyReference(account, "", text)
    if _KEY_ID.fullmatch(text):
        return KeyReference(account, text, "")
    raise NotFoundException(f"Invalid keyId '{text}'")


def _parse_arn(text: str, region: str) -> KeyReference:
    arn = parse_arn(text)
    if arn is None or arn.service != "kms" or not _ACCOUNT.fullmatch(arn.account):
        raise InvalidArnException(f"Invalid arn {text}")
    if arn.region != region:
        raise NotFoundException(f"Invalid arn {arn.region}")
    if arn.resource.startswith(ALIAS_PREFIX):
        return KeyReference(arn.account, "", arn.resource)
    kind, _, key_id = arn.resource.partition("/")
    if kind != "key":
        raise InvalidArnException(f"Invalid arn {text}")
    if not _KEY_ID.fullmatch(key_id):
        raise NotFoundException(f"Invalid keyId '{key_id}'")
    return KeyReference(arn.account, key_id, "")


def parse_key_id_without_alias(text: str, account: str, region: str) -> KeyReference:
    """The same for a management operation, which takes no alias."""
    reference = parse_key_id(text, account, region)
    if reference.alias:
        raise InvalidArnException("Key Aliases are not supported for this operation.")
    return reference


def check_alias_name(name: str) -> None:
    """Refuse a name that a customer's alias cannot have. The model has checked length and characters already."""
    if not name.startswith(ALIAS_PREFIX):
        raise ValidationException(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name.startswith(AWS_ALIAS_PREFIX):
        raise NotAuthorizedException
    if ":" in name:
        raise ValidationException(f"{name} contains invalid characters for an alias")
    if name == ALIAS_PREFIX:
        raise InvalidAliasNameException("The alias name is empty.")
