"""The chain of checks behind a denial, as it is stored: complete by itself, since policies change later.

    Denial   whose call, in which region, its checks in the order in which they were made
    Check    one check: what was asked, the statements that matched, the gaps with the statements that close them

Stored as JSON, so that a chain written by an older server can be read: members are only ever added, with defaults.

INVARIANT: no value of a condition key is in it, so neither is anything that a caller sent but the names of resources.
Threat: somebody who reads an explanation and not the policies. What belongs to whom is in here (`owner`, `told`), and
`services/holdfast/readers.py` leaves out what the reader may not see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from holdfast.access.decision import Decision, MatchedStatement, Outcome
from holdfast.access.explain import gaps_of
from holdfast.access.matched import NearMiss

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.access.grounds import Identity


class StoredGap(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place that has to change for the check to pass."""

    where: str
    statement: dict[str, Any] | None = None
    """To be added there; None when something has to go instead, or when nothing helps."""
    remove: MatchedStatement | None = None


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One check of the chain."""

    action: str
    resource: str
    principal: str
    outcome: Outcome
    via: str = ""
    """The service that asked on the caller's behalf: `secretsmanager.us-east-1.amazonaws.com`."""
    matched: tuple[MatchedStatement, ...] = ()
    gaps: tuple[StoredGap, ...] = ()
    """The decisive one first; all are needed. Empty when the check passed."""
    near: tuple[NearMiss, ...] = ()
    """Statements that would have allowed, but for their conditions."""
    told: Check | None = None
    """What readers who do not run the server may see in its place; see `Decision.told`."""

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOW


class Denial(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that is kept of a call that was denied."""

    account: str
    region: str
    principal: str
    """ARN of the caller."""
    principal_id: str
    """Tells the caller from whoever has its name later."""
    role: str = ""
    """ARN of the role whose session called."""
    failed: bool = True
    """Whether the call failed; otherwise it was answered without what was denied (BatchGetSecretValue)."""
    checks: tuple[Check, ...] = ()

    @property
    def decisive(self) -> Check | None:
        """The check that ended the call; of a call that went on, the first that was denied."""
        denied = [check for check in self.checks if not check.allowed]
        if not denied:
            return None
        return denied[-1] if self.failed else denied[0]


def check_of(decision: Decision, identity: Identity, via: str = "") -> Check:
    """A decision with its explanation. `via` is the name that `kms:ViaService` has, empty on a direct call.

    A key's door is opened through that service only: the caller has no need of the key itself.
    """
    condition: Mapping[str, Mapping[str, str]] | None = None
    if via and decision.action.startswith("kms:"):
        condition = {"StringEquals": {"kms:ViaService": via}}
    return Check(
        decision.action,
        decision.resource,
        decision.principal,
        decision.outcome,
        via,
        decision.matched,
        tuple(StoredGap(gap.where, gap.statement, gap.remove) for gap in gaps_of(decision, identity, condition)),
        decision.near,
        None if decision.told is None else check_of(decision.told, identity, via),
    )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Denial)


def encode_denial(denial: Denial) -> str:
    """As the store keeps it."""
    return _encoder.encode(denial).decode()


def decode_denial(text: str) -> Denial:
    """What `encode_denial` made."""
    return _decoder.decode(text)
