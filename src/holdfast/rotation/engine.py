"""What a built-in rotation engine is: pure rules about the secret's JSON, and blocking calls to one kind of database.

An engine knows nothing of Secrets Manager: the state machine hands it the values that a step needs and writes what it
answers. `set_secret`, `test_secret` and `rehearse` reach the database; they block, so they run in a thread, and every
one of them may be repeated: after a crash the same step runs again with the same pending value.

INVARIANT: no method puts a password into an exception, a log line or its own process's argument list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Fields = Mapping[str, Any]
"""A secret's JSON: engine, host, port, username, password, dbname, ssl, masterarn, and whatever else stands there."""


class RotationError(Exception):
    """A step failed. The text is for people: what was tried, what the database said, what to do; never a password."""


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What GetRandomPassword is asked for, so that the password is legal for the engine."""

    length: int = 32
    exclude_characters: str = ":/@\"'\\"
    exclude_numbers: bool = False
    exclude_punctuation: bool = False
    exclude_uppercase: bool = False
    exclude_lowercase: bool = False
    require_each_included_type: bool = True


@dataclass(frozen=True, slots=True)
class Values:
    """The secrets that a step works with, parsed; None where the label has no value."""

    current: Fields
    pending: Fields | None = None
    previous: Fields | None = None
    master: Fields | None = None
    """The superuser's secret that `masterarn` names; alternating users only."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the operator decides."""

    ca_bundle: Path | None = None
    """Certificates of authorities that databases are verified against; None for the system's."""
    connect_timeout: float = 5.0
    """Seconds for each attempt to connect."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rehearsal looked at."""

    check: str
    passed: bool
    text: str
    """What was seen, and when it did not pass what to do."""


class Engine(Protocol):
    """One entry of `rotation.engines.ENGINES`, by the name of its function."""

    function_name: str
    """As users know it: SecretsManagerRDSPostgreSQLRotationSingleUser."""
    alternating: bool
    """Whether two users take turns and a superuser sets passwords (`masterarn`)."""

    def require(self, current: Fields) -> None:
        """Raise RotationError unless the secret has what this engine needs (host, username, password, engine, …)."""
        ...

    def password_rules(self, current: Fields) -> PasswordRules: ...

    def pending(self, current: Fields, password: str) -> dict[str, Any]:
        """The pending secret: the current one with another password and, for alternating users, the other user."""
        ...

    def set_secret(self, values: Values, settings: EngineSettings) -> None:
        """Make the pending value log in. Does nothing when it already does. Raises RotationError."""
        ...

    def test_secret(self, values: Values, settings: EngineSettings) -> None:
        """Log in with the pending value and ask something harmless. Raises RotationError."""
        ...

    def rehearse(self, values: Values, settings: EngineSettings) -> Sequence[Finding]:
        """Look at everything that a rotation would need and change nothing."""
        ...
