"""TagResource and UntagResource."""

from __future__ import annotations

from typing import Any

from .refusals import NOT_FOUND, refused


def tags(secrets: Any, name: str) -> dict[str, str] | None:
    described = secrets.describe_secret(SecretId=name)
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]} if "Tags" in described else None


def test_tags_come_and_go(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name)
    assert tags(secrets, name) is None
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "3"}, {"Key": "b"}])
    assert tags(secrets, name) == {"a": "3", "A": "2", "b": ""}
    secrets.untag_resource(SecretId=name, TagKeys=["a", "absent"])
    assert tags(secrets, name) == {"A": "2", "b": ""}
    secrets.untag_resource(SecretId=name, TagKeys=["A", "b"])
    assert tags(secrets, name) == {}


def test_only_a_change_is_dated(secrets: Any, name: str) -> None:
    secrets.create_secret(Name=name, Tags=[{"Key": "a", "Value": "1"}])
    before = secrets.describe_secret(SecretId=name)["LastChangedDate"]
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "1"}])
    secrets.untag_resource(SecretId=name, TagKeys=["b"])
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] == before
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "a", "Value": "2"}])
    assert secrets.describe_secret(SecretId=name)["LastChangedDate"] > before


def test_at_most_fifty(secrets: Any, name: str) -> None:
    fifty = [{"Key": str(number), "Value": "x" * 256} for number in range(50)]
    secrets.create_secret(Name=name, Tags=fifty)
    assert refused(secrets.tag_resource, SecretId=name, Tags=[{"Key": "one more", "Value": ""}]) == (
        "InvalidParameterException",
        "You can't have more than 50 tags on a secret.",
    )
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "0", "Value": "other"}])
    secrets.untag_resource(SecretId=name, TagKeys=["1"])
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "one more", "Value": ""}])
    assert len(tags(secrets, name) or {}) == 50


def test_a_missing_secret(secrets: Any, name: str) -> None:
    assert refused(secrets.tag_resource, SecretId=name, Tags=[]) == NOT_FOUND
    assert refused(secrets.untag_resource, SecretId=name, TagKeys=[]) == NOT_FOUND
