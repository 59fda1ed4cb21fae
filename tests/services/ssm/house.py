"""Parameter Store, Secrets Manager and KMS on a real store and a real vault, without a server around them.

For what only the inside shows: what is authorized and with which condition keys, what is in the tables, how many rows a
page reads, and thousands of steps of a state machine.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from holdfast.access.decision import EMPTY_CONTEXT, Context, Decision
from holdfast.access.grounds import Identity
from holdfast.access.principal import root_of, service_role
from holdfast.api.base import Operation
from holdfast.server.directory import Directory
from holdfast.server.quotas import PARAMETERS_PER_REGION
from holdfast.services.call import Call, Source
from holdfast.services.emitted import Emitted
from holdfast.services.service import Served, Service
from holdfast.services.ssm.events import POLICY_ACTION
from holdfast.store.migrate import migrate
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.store.statements import Statement
from holdfast.store.transaction import Row
from holdfast.vault.randomness import Randomness, UnsafeSeededRandomness
from holdfast.vault.root_key import RootKeys
from holdfast.vault.vault import Vault
from holdfast.work.due import CANCEL, DueJob
from tests.services.houses import StoreHouse

ACCOUNT = "123456789012"
REGION = "eu-central-1"
START = 1_800_000_000_000
ARN = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"


class RecordingCall(Call):
    """A call that remembers what it asked, with the condition keys."""

    __slots__ = ("asked",)

    def check(self, action: str, resource: str, context: Context = EMPTY_CONTEXT, **options: Any) -> Decision:
        if not hasattr(self, "asked"):
            self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.asked.append((action, resource, dict(context)))
        return super().check(action, resource, context, **options)


class CountingTransaction(SqliteTransaction):
    """A transaction that counts statements and the rows they gave."""

    statements = 0
    rows = 0

    def one(self, statement: Statement, *parameters: Any) -> Row | None:
        self.statements += 1
        row = super().one(statement, *parameters)
        self.rows += row is not None
        return row

    def all(self, statement: Statement, *parameters: Any) -> list[Row]:
        self.statements += 1
        rows = super().all(statement, *parameters)
        self.rows += len(rows)
        return rows


class House(StoreHouse[CountingTransaction]):
    """A store, a vault and the services; also the `Surroundings` of its calls."""

    partition = "aws"

    def __init__(self, path: Path) -> None:
        self.randomness: Randomness = UnsafeSeededRandomness(path.name)
        self.vault = Vault(RootKeys.generate(self.randomness), self.randomness)
        self.limits = dict(PARAMETERS_PER_REGION)
        self.control: Any = SimpleNamespace(parameters_per_region=self.limits)
        self.wall: Any = None
        self.principals: Any = None
        self.outside: Any = None
        self.functions: Any = None
        self.deliveries: Any = None
        self.rotation: Any = None
        self.database = SqliteDatabase(path, synchronous="OFF")
        self.tx = CountingTransaction(self.database.writing, writable=True)
        self.tx.execute("BEGIN")
        migrate(self.tx, self.database.execute)
        self.tx.execute("COMMIT")
        self.now = START
        self.directory = Directory()
        self.principal = root_of(ACCOUNT)
        self.identity: Identity | None = None
        """Who calls instead of the principal, with policies."""
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.emitted: list[Emitted] = []
        """The events of the newest call or job that succeeded."""

    # Surroundings

    def served(self, operation: Operation[Any, Any]) -> Served:
        return self.service(operation.service).operations[operation.name]

    def service(self, name: str) -> Service:
        return self.directory.service(name)

    def pending_note(self, kind: str, key: Any) -> Any:
        return None

    # Calls

    def _run(self, operation: Operation[Any, Any], value: Any, *, writable: bool, **options: Any) -> Any:
        with self.transaction(writable=writable) as tx:
            tx.statements = tx.rows = 0
            self.emitted = []
            call = RecordingCall(
                self,
                tx,
                principal=self.identity.principal if self.identity else self.principal,
                identity=self.identity,
                region=REGION,
                now=self.now,
                request_id="request",
                source=Source(),
            )
            call.asked = self.asked = []
            output = self.served(operation).function(call, value)
            assert any(decision.allowed for decision in call.decisions)
            self.emitted = call.emitted
            return output

    def run(self, job: DueJob) -> list[tuple[str, str]]:
        """One due job, run as the server would run it; what the policies of parameters did."""
        with self.transaction() as tx:
            call = RecordingCall(
                self,
                tx,
                principal=service_role(job.account, "ssm.holdfast", "AWSServiceRoleForHoldfastSsm"),
                region=job.region,
                now=self.now,
                request_id="job",
                source=Source(),
            )
            tx.run(CANCEL, *job.key)
            self.service(job.kind.partition(".")[0]).jobs[job.kind](call, job.subject, job.payload)
            self.emitted = call.emitted
            details = [event.detail for event in call.emitted if event.detail_type == POLICY_ACTION]
            return [(detail["parameter-name"], detail["policy-type"]) for detail in details]

    def plan(self, statement: Statement) -> str:
        """How SQLite would run a statement."""
        rows = self.database.reading.execute(
            f"EXPLAIN QUERY PLAN {statement.text}", (None,) * statement.text.count("?")
        ).fetchall()
        return "; ".join(str(row[3]) for row in rows)
