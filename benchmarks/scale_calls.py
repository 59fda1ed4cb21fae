"""The store of the scale measurement, and the calls that are timed on it.

Names have the same length in the small and in the large store, and every call answers the same number of items in both
(a filter that finds ten in the small one finds ten in the large one), so what differs is only the size of the store.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.signed import Call

HISTORY_OF = "/scale/group-00001/item-000010"
VERSIONS_OF = "scale/group-00001/item-000010"
EXTRA_VERSIONS = 20


def secret_name(number: int) -> str:
    return f"scale/group-{number // 10:05}/item-{number:06}"


def parameter_name(number: int) -> str:
    return f"/{secret_name(number)}"


def alias_name(number: int) -> str:
    return f"alias/scale-{number:06}"


def secrets(count: int) -> Iterator[Call]:
    """One item in ten is described as `tenth`, one in ten is tagged `tenth`."""
    for number in range(count):
        parameters = {
            "Name": secret_name(number),
            "Description": "tenth item" if number % 10 == 5 else "ordinary item",
            "SecretString": f"value {number}",
            "ClientRequestToken": str(uuid.uuid4()),
            "Tags": [{"Key": "tenth" if number % 10 == 7 else "ordinary", "Value": f"group-{number // 10:05}"}],
        }
        yield Call("secretsmanager", "CreateSecret", parameters)


def parameters(count: int) -> Iterator[Call]:
    for number in range(count):
        kind = "StringList" if number % 10 == 5 else "SecureString"
        values = {
            "Name": parameter_name(number),
            "Value": f"value {number}",
            "Type": kind,
            # More than 10,000 of the standard tier there cannot be, and both stores hold the same kind.
            "Tier": "Advanced",
            "Tags": [{"Key": "tenth" if number % 10 == 7 else "ordinary", "Value": f"group-{number // 10:05}"}],
        }
        yield Call("ssm", "PutParameter", values)


def deep_name(number: int) -> str:
    """Fourteen levels down: ten leaves at the end of every branch, and nothing on the way there."""
    return f"/tree/branch-{number // 10:05}/c/d/e/f/g/h/i/j/k/l/m/leaf-{number:06}"


def deep_parameters(count: int) -> Iterator[Call]:
    """A deep tree, as many parameters again."""
    for number in range(count):
        yield Call("ssm", "PutParameter", {"Name": deep_name(number), "Value": f"value {number}", "Type": "String"})


def keys(count: int) -> Iterator[Call]:
    for number in range(count):
        yield Call("kms", "CreateKey", {"Description": f"item {number}"})


def aliases(key_ids: list[str]) -> Iterator[Call]:
    for number, key in enumerate(key_ids):
        yield Call("kms", "CreateAlias", {"AliasName": alias_name(number), "TargetKeyId": key})


def versions() -> Iterator[Call]:
    """More versions of one secret and one parameter: written one after the other."""
    for number in range(EXTRA_VERSIONS):
        put = {"SecretId": VERSIONS_OF, "SecretString": f"version {number}", "ClientRequestToken": str(uuid.uuid4())}
        yield Call("secretsmanager", "PutSecretValue", put)
        overwrite = {"Name": HISTORY_OF, "Value": f"version {number}", "Type": "SecureString", "Overwrite": True}
        yield Call("ssm", "PutParameter", overwrite)


@dataclass(frozen=True, slots=True)
class Timed:
    """A call whose time is compared. `page` 2 means: with the token that the first page answered."""

    label: str
    calls: tuple[Call, ...]
    page: int = 1


def timed(count: int, key_ids: list[str]) -> list[Timed]:
    """Every call, for a store of `count` items."""
    spread = [number * (count // 50) for number in range(50)]
    found = [_many("GetSecretValue", "secretsmanager", [{"SecretId": secret_name(n)} for n in spread])]
    found += _secrets_manager(spread)
    decrypt = [{"Name": parameter_name(n), "WithDecryption": True} for n in spread]
    found.append(_many("GetParameter", "ssm", decrypt))
    names = {"Names": [parameter_name(n) for n in spread[:10]], "WithDecryption": True}
    found.append(_many("GetParameters", "ssm", [names]))
    found += _parameter_store()
    found += _kms([key_ids[n] for n in spread], [alias_name(n) for n in spread])
    return found


def _secrets_manager(spread: list[int]) -> list[Timed]:
    service = "secretsmanager"
    ids = [{"SecretId": secret_name(n)} for n in spread]
    lists: dict[str, dict[str, Any]] = {
        "ListSecrets": {},
        **{f"ListSecrets sorted by {by}": {"SortBy": by} for by in _SORTS},
        "ListSecrets sorted by name, ascending": {"SortBy": "name", "SortOrder": "asc"},
        "ListSecrets name filter": _filter("name", "scale/group-00003/"),
        "ListSecrets tag-key filter": _filter("tag-key", "tenth"),
        "ListSecrets tag-value filter": _filter("tag-value", "group-00007"),
        "ListSecrets description filter": _filter("description", "tenth"),
        "ListSecrets description filter, nothing found": _filter("description", "absent"),
        "ListSecrets all filter": _filter("all", "tenth"),
    }
    return [
        _many("DescribeSecret", service, ids),
        _many("ListSecretVersionIds", service, [{"SecretId": VERSIONS_OF, "IncludeDeprecated": True}]),
        *(Timed(label, (Call(service, "ListSecrets", {"MaxResults": 100, **p}),)) for label, p in lists.items()),
        *_second_pages(service, "ListSecrets", lists, ("ListSecrets", "ListSecrets sorted by name"), 100),
        _many("BatchGetSecretValue", service, [{"SecretIdList": [secret_name(n) for n in spread[:10]]}]),
        _many("BatchGetSecretValue name filter", service, [_filter("name", "scale/group-00003/")]),
    ]


_SORTS = ("created-date", "last-accessed-date", "last-changed-date", "name")


def _filter(key: str, value: str) -> dict[str, Any]:
    return {"Filters": [{"Key": key, "Values": [value]}]}


def _parameter_store() -> list[Timed]:
    service = "ssm"
    lists: dict[str, dict[str, Any]] = {
        "DescribeParameters": {},
        "DescribeParameters Name Equals": _string_filter("Name", "Equals", HISTORY_OF),
        "DescribeParameters Name BeginsWith": _string_filter("Name", "BeginsWith", "/scale/group-00003/"),
        "DescribeParameters Name Contains": _string_filter("Name", "Contains", "item"),
        "DescribeParameters Name Contains, nothing found": _string_filter("Name", "Contains", "absent"),
        "DescribeParameters Type": _string_filter("Type", "Equals", "StringList"),
        "DescribeParameters Path OneLevel": _string_filter("Path", "OneLevel", "/scale/group-00003"),
        "DescribeParameters Path Recursive": _string_filter("Path", "Recursive", "/scale"),
        "DescribeParameters Path OneLevel, deep": _string_filter("Path", "OneLevel", _BRANCH),
        "DescribeParameters Path Recursive, deep": _string_filter("Path", "Recursive", "/tree"),
        "DescribeParameters tag": _string_filter("tag:tenth", "Equals", "group-00007"),
    }
    paths: dict[str, dict[str, Any]] = {
        "GetParametersByPath one level": {"Path": "/scale/group-00003", "WithDecryption": True},
        "GetParametersByPath recursive": {"Path": "/scale", "Recursive": True, "WithDecryption": True},
        "GetParametersByPath without direct children": {"Path": "/scale"},
        "GetParametersByPath one level, deep": {"Path": _BRANCH},
        "GetParametersByPath recursive, deep": {"Path": "/tree", "Recursive": True},
        "GetParametersByPath without direct children, deep": {"Path": "/tree"},
    }
    return [
        *(Timed(label, (Call(service, "DescribeParameters", {"MaxResults": 50, **p}),)) for label, p in lists.items()),
        *_second_pages(service, "DescribeParameters", lists, ("DescribeParameters",), 50),
        *(Timed(label, (Call(service, "GetParametersByPath", p),)) for label, p in paths.items()),
        *_second_pages(service, "GetParametersByPath", paths, ("GetParametersByPath recursive",), 10),
        _many("GetParameterHistory", service, [{"Name": HISTORY_OF, "WithDecryption": True}]),
        _many("ListTagsForResource", service, [{"ResourceType": "Parameter", "ResourceId": HISTORY_OF}]),
    ]


_BRANCH = deep_name(30).rpartition("/")[0]


def _string_filter(key: str, option: str, value: str) -> dict[str, Any]:
    return {"ParameterFilters": [{"Key": key, "Option": option, "Values": [value]}]}


def _kms(key_ids: list[str], alias_names: list[str]) -> list[Timed]:
    service = "kms"
    lists: dict[str, dict[str, Any]] = {"ListKeys": {}, "ListAliases": {}}
    return [
        _many("DescribeKey", service, [{"KeyId": key} for key in key_ids]),
        _many("DescribeKey by alias", service, [{"KeyId": alias} for alias in alias_names]),
        *(_many(label, service, [{"Limit": 100}]) for label in lists),
        *(Timed(f"{label}, second page", (Call(service, label, {"Limit": 100}),), 2) for label in lists),
        _many("ListAliases of a key", service, [{"KeyId": key} for key in key_ids], "ListAliases"),
        _many("ListResourceTags", service, [{"KeyId": key} for key in key_ids]),
        _many("ListKeyPolicies", service, [{"KeyId": key} for key in key_ids]),
    ]


def _many(label: str, service: str, parameters: list[dict[str, Any]], operation: str = "") -> Timed:
    return Timed(label, tuple(Call(service, operation or label.split(maxsplit=1)[0], p) for p in parameters))


def _second_pages(
    service: str, operation: str, lists: dict[str, dict[str, Any]], labels: tuple[str, ...], size: int
) -> list[Timed]:
    return [
        Timed(f"{label}, second page", (Call(service, operation, {"MaxResults": size, **lists[label]}),), 2)
        for label in labels
    ]
