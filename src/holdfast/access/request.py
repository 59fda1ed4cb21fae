"""What is asked: action, resource, its owner, the service's condition keys, and the circumstances of the call.

The principal is not part of it: one request can be put to many identities (`holdfast who-can`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from holdfast.access.decision import EMPTY_CONTEXT, Context, ContextValue


class Circumstances(Protocol):
    """When, where and how a call was made: what the global condition keys are read from, each when first asked for."""

    @property
    def now(self) -> int:
        """Service time, milliseconds since 1970."""
        ...

    @property
    def region(self) -> str: ...

    @property
    def source_ip(self) -> str:
        """The client's address; empty when unknown."""
        ...

    @property
    def user_agent(self) -> str: ...

    @property
    def secure(self) -> bool: ...

    @property
    def called_via(self) -> tuple[str, ...]:
        """Services that make this call for the caller, the first one first: `secretsmanager.amazonaws.com`."""
        ...


@dataclass(frozen=True, slots=True)
class KnownCircumstances:
    """Circumstances as plain values: for simulations and tests."""

    now: int
    region: str = ""
    source_ip: str = ""
    user_agent: str = ""
    secure: bool = True
    called_via: tuple[str, ...] = ()


class AccessRequest:
    """One check: may the caller do `action` to `resource`, which belongs to the account `owner`?

    `context` holds the service's condition keys under AWS's spelling. `overrides` stand above every other source of a
    key; simulations use them. Without `circumstances` the keys that come from them are absent.
    """

    __slots__ = ("action", "circumstances", "context", "overrides", "owner", "resource")

    def __init__(
        self,
        action: str,
        resource: str,
        owner: str,
        context: Context = EMPTY_CONTEXT,
        circumstances: Circumstances | None = None,
        overrides: Context = EMPTY_CONTEXT,
    ) -> None:
        self.action = action
        self.resource = resource
        self.owner = owner
        self.context = context
        self.circumstances = circumstances
        self.overrides = {name.lower(): value for name, value in overrides.items()} if overrides else overrides

    def contextual(self, key: str, folded: str) -> ContextValue | None:
        """The service's value for a key, whose name is compared without regard to case.

        The policy's own spelling goes first: tags `team` and `Team` may stand on one resource, and whoever may add the
        second must not change what a policy about the first says.
        """
        value = self.context.get(key)
        if value is not None:
            return value
        spelled = [name for name in self.context if name.lower() == folded]
        # Spelled twice and asked for in a third way: the first in code point order, so that the answer is stable.
        return self.context[min(spelled)] if spelled else None
