"""What making, renaming, deleting and listing have in common for users, groups and roles.

Nothing is looked up before the call is authorized: who may not make a user does not learn which names are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from holdfast.services.iam import account_records, policy_records, records, rules
from holdfast.services.iam.pages import Page, page_of
from holdfast.services.iam.records import Group, User
from holdfast.services.stored_tags import request_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.services.call import Call
    from holdfast.services.iam.rules import Kind

NO_TAGS: Mapping[str, str] = {}


class Listed(Protocol):
    """A user, a group or a role in a listing."""

    @property
    def key(self) -> str: ...

    @property
    def path(self) -> str: ...


ListedT = TypeVar("ListedT", bound=Listed)
MovedT = TypeVar("MovedT", User, Group)


def authorize_new(
    call: Call, kind: Kind, path: str, name: str, tags: Mapping[str, str] = NO_TAGS, boundary: str | None = None
) -> None:
    """Authorize the making of what will have this path and name; its tags need an action of their own."""
    arn = rules.arn_of(call.partition, call.account, kind, path, name)
    context = request_context(tags)
    if boundary is not None:
        context["iam:PermissionsBoundary"] = boundary
    call.authorize(f"iam:Create{kind.capitalize()}", arn, context)
    if tags:
        call.authorize(f"iam:Tag{kind.capitalize()}", arn, context)


def counted(kind: Kind) -> str:
    """The name under which an account counts them."""
    return f"{kind.capitalize()}s"


def check_room(call: Call, kind: Kind) -> None:
    """Refuse one more when the account has as many as its quota."""
    count = counted(kind)
    rules.check_quota(f"{count}PerAccount", account_records.count_of(call.tx, call.account, count))


def require_no_policies(call: Call, owner_id: str) -> None:
    """DeleteConflict for what still has policies."""
    if policy_records.inline_of(call.tx, call.account, owner_id):
        raise rules.conflict("delete policies")
    if policy_records.attached_to(call.tx, call.account, owner_id):
        raise rules.conflict("detach all policies")


def moved(call: Call, kind: Kind, found: MovedT, new_name: str | None, new_path: str | None) -> MovedT:
    """A user or group under its new name and path, authorized there too.

    "To change a user name, the requester must have appropriate permissions on both the source object and the target
    object" (IAM API reference, UpdateUser; UpdateGroup says the same).
    """
    name = found.name if new_name is None else rules.check_name(f"new{kind.capitalize()}Name", new_name)
    path = found.path if new_path is None else rules.check_path(new_path, "newPath")
    if new_name is not None or new_path is not None:
        arn = rules.arn_of(call.partition, call.account, kind, path, name)
        call.authorize(f"iam:Update{kind.capitalize()}", arn)
    return found._replace(key=name.lower(), name=name, path=path)


def page_of_entities(
    call: Call,
    operation: str,
    queries: records.Queries,
    make: Callable[..., ListedT],
    path_prefix: str | None,
    marker: str | None,
    most: int | None,
) -> Page[ListedT]:
    """A page by name, or by path and name under a path prefix."""
    prefix = path_prefix or "/"
    return page_of(
        call,
        operation,
        prefix,
        marker,
        most,
        lambda after, limit: [
            make(*row) for row in records.listed(call.tx, queries, call.account, prefix, after, limit)
        ],
        lambda found: [found.key] if prefix == "/" else [found.path, found.key],
    )
