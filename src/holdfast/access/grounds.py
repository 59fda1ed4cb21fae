"""What speaks for a caller: the principal, its policies and limits, and the facts of its session; and KMS grants.

An `Identity` is put together by whoever authenticated the caller and is read by `evaluate` and by the condition keys.
Root users, service-linked roles and the operator are identities without policies; `evaluate` knows their rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.remember import remember

if TYPE_CHECKING:
    from holdfast.access.policy import CompiledPolicy, CompiledStatement
    from holdfast.access.principal import Principal
    from holdfast.access.request import AccessRequest

NO_TAGS: Mapping[str, str] = {}
REMEMBERED = 256
"""Pairs of action and resource that an identity remembers."""
REMEMBERED_LENGTH = 512
"""The longest resource that is remembered: names that callers invent shall not fill the memory."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known of temporary credentials."""

    issued: int
    """Service time in milliseconds since 1970: `aws:TokenIssueTime`."""
    name: str = ""
    """The role session's name."""
    source_identity: str = ""
    transitive_tags: tuple[tuple[str, str], ...] = ()
    """Session tags that sessions assumed from this one inherit."""
    multi_factor: bool = False
    multi_factor_at: int | None = None
    """When the device was asked, in milliseconds; None without one."""
    federated_provider: str = ""
    """The OIDC provider's ARN when the session came from a web identity."""


class Identity:
    """A caller with everything that speaks for it or limits it.

    - `policies`: identity policies: inline, managed, and those of the user's groups.
    - `session_policies`: None when none were passed; otherwise one of them must allow, and an empty tuple allows nothing.
    - `role_arn`: `arn:aws:iam::A:role/path/Name` for a role's session: what `aws:PrincipalArn` and policies call it.
    - `tags`: of the user or role, with the session's over them.
    - `session`: None for long-term credentials.
    """

    __slots__ = ("_found", "boundary", "policies", "principal", "role_arn", "session", "session_policies", "tags")

    def __init__(
        self,
        principal: Principal,
        policies: tuple[CompiledPolicy, ...] = (),
        *,
        boundary: CompiledPolicy | None = None,
        session_policies: tuple[CompiledPolicy, ...] | None = None,
        role_arn: str = "",
        tags: Mapping[str, str] = NO_TAGS,
        session: SessionFacts | None = None,
    ) -> None:
        self.principal = principal
        self.policies = policies
        self.boundary = boundary
        self.session_policies = session_policies
        self.role_arn = role_arn
        self.tags = tags
        self.session = session
        self._found: dict[tuple[str, str], tuple[CompiledStatement, ...]] = {}

    def statements(self, request: AccessRequest) -> tuple[CompiledStatement, ...]:
        """The statements of the identity policies that may be about the request, in order.

        An identity is the same object for many calls, and most of them ask for what was asked before: what was found for
        an action and a resource, all policies together, is remembered.
        """
        key = (request.action, request.resource)
        found = self._found.get(key)
        if found is None:
            found = tuple(
                statement
                for policy in self.policies
                for statement in policy.candidates(self, request)
                if statement.may_be_about(self, request)
            )
            if len(request.resource) <= REMEMBERED_LENGTH:
                remember(self._found, key, found, REMEMBERED)
        return found


@dataclass(frozen=True, slots=True)
class GrantStatement:
    """One grant of a KMS key, as an evaluation reads it."""

    grant_id: str
    grantee: str
    """ARN of a user, role, session or account root, a unique id, or a service principal's name."""
    operations: frozenset[str]
    """As in the API: `Decrypt`, `GenerateDataKey`, …"""
    equals: Mapping[str, str] | None = None
    """EncryptionContextEquals."""
    subset: Mapping[str, str] | None = None
    """EncryptionContextSubset."""
    source_arn: str = ""
    """SourceArn; empty without that constraint."""
