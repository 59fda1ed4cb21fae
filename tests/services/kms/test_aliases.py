"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.api import kms as api
from holdfast.testing import Account

from .conftest import House
from .refusals import refused

PREDEFINED = ["alias/aws/secretsmanager", "alias/aws/ssm"]


@pytest.fixture
def kms(holdfast: Account) -> Any:
    return holdfast.client("kms")


def _key(kms: Any) -> str:
    return kms.create_key()["KeyMetadata"]["KeyId"]


def _own(answer: Any) -> dict[str, str]:
    return {a["AliasName"]: a["TargetKeyId"] for a in answer["Aliases"] if a["AliasName"] not in PREDEFINED}


def test_the_life_of_an_alias(holdfast: Account, kms: Any) -> None:
    first, second = _key(kms), _key(kms)
    kms.create_alias(AliasName="alias/app", TargetKeyId=first)
    [entry] = [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/app"]
    assert entry["AliasArn"] == f"arn:aws:kms:us-east-1:{holdfast.account}:alias/app"
    assert entry["TargetKeyId"] == first
    assert entry["CreationDate"] == entry["LastUpdatedDate"]
    blob = kms.encrypt(KeyId="alias/app", Plaintext=b"x")["CiphertextBlob"]
    kms.update_alias(AliasName="alias/app", TargetKeyId=second)
    [changed] = kms.list_aliases(KeyId=second)["Aliases"]
    assert changed["CreationDate"] == entry["CreationDate"]
    assert changed["LastUpdatedDate"] >= entry["LastUpdatedDate"]
    assert kms.list_aliases(KeyId=first)["Aliases"] == []
    # The ciphertext names its key, not the alias.
    assert kms.decrypt(CiphertextBlob=blob)["KeyId"].endswith(first)
    assert refused(kms.decrypt, CiphertextBlob=blob, KeyId="alias/app")[0] == "IncorrectKeyException"
    kms.delete_alias(AliasName="alias/app")
    assert _own(kms.list_aliases()) == {}
    assert kms.describe_key(KeyId=second)["KeyMetadata"]["KeyState"] == "Enabled"


def test_an_alias_exists_once(holdfast: Account, kms: Any) -> None:
    key_id = _key(kms)
    kms.create_alias(AliasName="alias/app", TargetKeyId=key_id)
    arn = f"arn:aws:kms:us-east-1:{holdfast.account}:alias/app"
    assert refused(kms.create_alias, AliasName="alias/app", TargetKeyId=_key(kms)) == (
        "AlreadyExistsException",
        f"An alias with the name {arn} already exists",
    )
    assert _own(kms.list_aliases()) == {"alias/app": key_id}
    kms.create_alias(AliasName="alias/App", TargetKeyId=key_id)
    kms.create_alias(AliasName="alias/app/x", TargetKeyId=key_id)
    assert len(kms.list_aliases(KeyId=key_id)["Aliases"]) == 3


def test_aliases_that_are_not_there(holdfast: Account, kms: Any) -> None:
    gone = ("NotFoundException", f"Alias arn:aws:kms:us-east-1:{holdfast.account}:alias/app is not found.")
    assert refused(kms.update_alias, AliasName="alias/app", TargetKeyId=_key(kms)) == gone
    assert refused(kms.delete_alias, AliasName="alias/app") == gone


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        (
            "app",
            "ValidationException",
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ),
        ("alias/aws/app", "NotAuthorizedException", ""),
        ("alias/aws/ssm", "NotAuthorizedException", ""),
        ("alias/a:b", "ValidationException", "alias/a:b contains invalid characters for an alias"),
        (
            "alias/a b",
            "ValidationException",
            "1 validation error detected: Value 'alias/a b' at 'aliasName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
        ),
    ],
)
def test_names_that_are_refused(kms: Any, name: str, code: str, text: str) -> None:
    key_id = _key(kms)
    assert refused(kms.create_alias, AliasName=name, TargetKeyId=key_id) == (code, text)
    assert refused(kms.update_alias, AliasName=name, TargetKeyId=key_id) == (code, text)
    assert refused(kms.delete_alias, AliasName=name) == (code, text)


def test_targets_that_are_refused(holdfast: Account, kms: Any) -> None:
    kms.create_alias(AliasName="alias/app", TargetKeyId=_key(kms))
    no_alias = ("ValidationException", "Aliases must refer to keys. Not aliases")
    arn = f"arn:aws:kms:us-east-1:{holdfast.account}:alias/app"
    for target in ("alias/app", arn):
        assert refused(kms.create_alias, AliasName="alias/b", TargetKeyId=target) == no_alias
        assert refused(kms.update_alias, AliasName="alias/app", TargetKeyId=target) == no_alias
    assert refused(kms.create_alias, AliasName="alias/b", TargetKeyId="x") == (
        "NotFoundException",
        "Invalid keyId 'x'",
    )


def test_an_alias_leaves_a_key_that_is_pending_deletion(kms: Any) -> None:
    first, second = _key(kms), _key(kms)
    for name in ("alias/a", "alias/b"):
        kms.create_alias(AliasName=name, TargetKeyId=first)
    kms.schedule_key_deletion(KeyId=first)
    kms.update_alias(AliasName="alias/a", TargetKeyId=second)
    kms.delete_alias(AliasName="alias/b")
    assert refused(kms.update_alias, AliasName="alias/a", TargetKeyId=first)[0] == "KMSInvalidStateException"
    assert _own(kms.list_aliases()) == {"alias/a": second}


def test_paging_through_aliases(kms: Any) -> None:
    targets = [_key(kms) for _ in range(5)]
    names = [f"alias/{letter}/{number}" for number in range(24) for letter in "abcdz"]
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=targets["abcdz".index(name[6])])
    for size in (1, 7, 100):
        pages = list(kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": size}))
        listed = [alias["AliasName"] for page in pages for alias in page["Aliases"]]
        assert listed == sorted([*names, *PREDEFINED])
        assert all(len(page["Aliases"]) == size for page in pages[:-1])
    assert len(kms.list_aliases()["Aliases"]) == 50
    assert len(kms.list_aliases(Limit=1000)["Aliases"]) == 100
    paginator = kms.get_paginator("list_aliases").paginate(KeyId=targets[2], PaginationConfig={"PageSize": 10})
    listed = [alias["AliasName"] for page in paginator for alias in page["Aliases"]]
    assert listed == sorted(name for name in names if name.startswith("alias/c/"))


def test_the_marker_of_one_key_is_not_for_another(kms: Any) -> None:
    first, second = _key(kms), _key(kms)
    for name in ("alias/a", "alias/b"):
        kms.create_alias(AliasName=name, TargetKeyId=first)
    marker = kms.list_aliases(KeyId=first, Limit=1)["NextMarker"]
    assert refused(kms.list_aliases, KeyId=second, Marker=marker)[0] == "InvalidMarkerException"
    assert refused(kms.list_aliases, Marker=marker)[0] == "InvalidMarkerException"


def test_a_key_has_at_most_fifty_aliases(house: House) -> None:
    def create() -> str:
        metadata = house.call(api.CreateKey, api.CreateKeyRequest()).KeyMetadata
        assert metadata is not None
        assert metadata.KeyId is not None
        return metadata.KeyId

    key_id, other = create(), create()
    for number in range(50):
        house.call(api.CreateAlias, api.CreateAliasRequest(AliasName=f"alias/{number}", TargetKeyId=key_id))
    house.call(api.CreateAlias, api.CreateAliasRequest(AliasName="alias/x", TargetKeyId=other))
    one_more = api.CreateAliasRequest(AliasName="alias/more", TargetKeyId=key_id)
    assert house.error(api.CreateAlias, one_more).code == "LimitExceededException"
    moved = api.UpdateAliasRequest(AliasName="alias/x", TargetKeyId=key_id)
    assert house.error(api.UpdateAlias, moved).code == "LimitExceededException"
    house.call(api.UpdateAlias, api.UpdateAliasRequest(AliasName="alias/1", TargetKeyId=key_id))
