"""The audit trail as operations reach it: wait until it is written, read it, search it, verify it, keep it so long.

Everything here goes on beside the server's other work: a long walk is made of steps of about a millisecond, with the loop
free in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.api import holdfast as api
from holdfast.api.base import ServiceUnavailable
from holdfast.server.audit_heads import tell
from holdfast.services.cloudtrail.denials import read_denial, records_of_request
from holdfast.services.cloudtrail.jobs import REMOVE
from holdfast.services.cloudtrail.search import After, Found, Newest, open_search
from holdfast.services.cloudtrail.verification import Verifier
from holdfast.vault.chain import chain_name
from holdfast.vault.randomness import time_ordered_id
from holdfast.work.due import CANCEL, read_job, schedule

if TYPE_CHECKING:
    from holdfast.access.chain import Denial
    from holdfast.server.audit_heads import HeadKeeper
    from holdfast.server.notebook import Notebook
    from holdfast.services.cloudtrail.findings import Finding
    from holdfast.store.group_commit import GroupCommit
    from holdfast.store.transaction import StoreError, Transaction
    from holdfast.vault.randomness import Randomness
    from holdfast.vault.vault import Vault

GLOBAL_REGION = "us-east-1"
"""Where CloudTrail records what belongs to no region."""
TURN_SECONDS = 0.25
"""How long one VerifyAudit works before it tells how far it came."""
STEPS = 250
"""Steps of one ReadAudit or SearchAudit: a million entries of the index."""
VERIFICATIONS = 4
"""Kept at once; the oldest makes room."""


class AuditTrail:
    """`services.holdfast.audit_operations.Trail` on a running server."""

    def __init__(
        self,
        executor: GroupCommit,
        notebook: Notebook,
        heads: HeadKeeper,
        vault: Vault,
        randomness: Randomness,
        monotonic: Callable[[], float],
    ) -> None:
        self._executor = executor
        self._notebook = notebook
        self._heads = heads
        self._vault = vault
        self._randomness = randomness
        self._monotonic = monotonic
        self._verifications: dict[str, Verifier] = {}
        self.readers: Callable[[], Awaitable[bool]] | None = None
        """Has other processes that read hand over what they hold; false when it cannot be written."""

    def snapshot(self) -> Transaction:
        """What is on disk now; valid until control goes back to the loop."""
        return self._executor.snapshot()

    async def flush(self) -> None:
        """Until the records of every read answered so far are on disk. Raises ServiceUnavailable when they cannot be."""
        if self.readers is not None and not await self.readers():
            raise ServiceUnavailable("Audit records cannot be written now. Please retry.")
        future: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self._notebook.flush(future.set_result)
        if await future is not None or self._notebook.failed:
            raise ServiceUnavailable("Audit records cannot be written now. Please retry.")

    def records_removed(self) -> None:
        """Retention removed records in the transaction that is open."""
        self._heads.removed()

    # -- single requests: services.holdfast.explanations.KnownRequests ----------------------------------------------

    def denial(self, tx: Transaction, request_id: str, account: str) -> Denial | None:
        return read_denial(tx, request_id, account)

    def records(self, tx: Transaction, request_id: str, account: str) -> list[dict[str, Any]]:
        return records_of_request(tx, request_id, account)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def read(self, after: int | None, account: str, limit: int) -> api.ReadAuditResponse:
        """Records written after a sequence number; the newest ones without one. All accounts' for an empty account."""
        reading = Newest(account, limit) if after is None else After(after, account, limit)
        for _ in range(STEPS):
            if reading.step(self.snapshot()):
                break
            await asyncio.sleep(0)
        records = [
            api.AuditRecord(Sequence=n, Account=a, Region=r, Record=text.decode()) for n, a, r, text in reading.found
        ]
        return api.ReadAuditResponse(Records=records, Last=reading.last, More=reading.more)

    async def search(
        self,
        place: tuple[str, str],
        criteria: Sequence[tuple[str, str]],
        times: tuple[int | None, int | None],
        position: tuple[int, int] | None,
        limit: int,
    ) -> tuple[list[api.AuditRecord], tuple[int, int] | None]:
        """Records by event time, oldest first, and where to go on; `place` is (account, region), empty for any."""
        search = open_search(self.snapshot(), place, criteria, times, position)
        found: list[Found] = []
        for _ in range(max(STEPS, search.least_steps)):
            if search.done or len(found) >= limit:
                break
            found += search.step(self.snapshot(), limit - len(found))
            await asyncio.sleep(0)
        records = [
            api.AuditRecord(Sequence=f.position[1], Account=f.account, Region=f.region, Record=f.text.decode())
            for f in found
        ]
        return records, None if search.done else search.position

    # -- verification -----------------------------------------------------------------------------------------------

    async def verify(self, token: str, heads: str = "") -> tuple[str, Verifier]:
        """Begin a verification without a token, or go on with one; the token that goes on from here.

        Raises InvalidAuditTokenException for one that this server does not know (any more).
        """
        verifier = self._verifications.pop(token, None)
        if verifier is None and token:
            raise api.InvalidAuditTokenException("The verification is not under way any more. Start it again.")
        if verifier is None:
            verifier = await self._begin(heads)
        until = self._monotonic() + TURN_SECONDS
        while not verifier.step(self.snapshot()):
            if self._monotonic() >= until:
                break
            await asyncio.sleep(0)
        else:
            return "", verifier
        token = token or self._randomness.uuid4()
        while len(self._verifications) >= VERIFICATIONS:
            del self._verifications[next(iter(self._verifications))]
        self._verifications[token] = verifier
        return token, verifier

    async def verified(self, token: str, heads: str) -> api.VerifyAuditResponse:
        """`verify` as VerifyAudit answers it."""
        token, verifier = await self.verify(token, heads)
        walked, to_walk = verifier.progress
        return api.VerifyAuditResponse(
            Token=token or None,
            Done=verifier.done,
            Records=verifier.records,
            Chains=verifier.chains(),
            Walked=walked,
            ToWalk=to_walk,
            Findings=[_finding(finding) for finding in verifier.findings] if verifier.done else None,
            Notes=verifier.notes() if verifier.done else None,
        )

    async def _begin(self, heads: str) -> Verifier:
        await self.flush()
        await self._heads.seal()
        verifier = Verifier(self._vault)
        await asyncio.get_running_loop().run_in_executor(None, tell, verifier, self._heads.file, heads)
        verifier.begin(self.snapshot())
        return verifier

    # -- retention --------------------------------------------------------------------------------------------------

    def keep(self, days: int, account: str, now: int, wake: Callable[[], None]) -> None:
        """Have records removed that are older than `days`; 0 keeps them all. Called once, at the start."""
        key = (REMOVE, account, GLOBAL_REGION, "")
        job = read_job(self.snapshot(), key)
        if (job.payload.get("days") if job is not None else 0) == days:
            return

        def unit(transaction: Transaction) -> None:
            if days:
                schedule(transaction, key, now, {"days": days}, time_ordered_id(self._randomness, now))
            else:
                transaction.run(CANCEL, *key)

        self._executor.write(unit, lambda _error: wake())


def _finding(finding: Finding) -> api.AuditFinding:
    return api.AuditFinding(
        Kind=finding.kind,
        Chain=None if finding.chain is None else chain_name(finding.chain),
        First=finding.first or None,
        Last=finding.last or None,
        Sequence=finding.sequence or None,
        Text=finding.line(),
    )
