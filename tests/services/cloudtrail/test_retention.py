"""Retention: what is older than asked for goes, a sealed statement stays, and verification says both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from holdfast.services.cloudtrail.jobs import MOST, expired_rows
from holdfast.services.cloudtrail.pages import MOST as MOST_RECORDS
from holdfast.services.cloudtrail.pages import pages_of, whole
from holdfast.store.sqlite import SqliteDatabase, SqliteTransaction
from holdfast.testing import Server
from tests.services.cloudtrail.trail import ACCOUNT, DATABASE, REGION, START, AuditStore, Writer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data", arguments=("--audit-retention-days", "10")) as started:
        yield started


def count(server: Server) -> int:
    with sqlite3.connect(server.directory / "holdfast.db") as database:
        (found,) = database.execute("SELECT COUNT(*) FROM audit_record").fetchone()
    database.close()
    return found


def verdict(server: Server) -> dict[str, Any]:
    found = server.control("VerifyAudit")
    assert found["Done"]
    return found


def test_what_is_old_goes_and_the_rest_is_proven(server: Server) -> None:
    secrets = server.client("secretsmanager")
    for number in range(6):
        secrets.create_secret(Name=f"old-{number}", SecretString="x")
    server.stop()
    server.start()
    secrets = server.client("secretsmanager")
    secrets.create_secret(Name="old-too", SecretString="x")
    server.advance(days=9)
    assert not verdict(server)["Notes"]
    secrets.create_secret(Name="kept", SecretString="x")
    before = count(server)
    server.advance(days=3)
    assert count(server) < before
    found = verdict(server)
    assert found["Findings"] == []
    assert "were removed by retention" in found["Notes"][0]
    lookup = server.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "RemoveExpiredRecords"}]
    )
    assert lookup["Events"], "removing is on record"
    names = server.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateSecret"}]
    )["Events"]
    assert len(names) == 1
    server.stop()
    lines = (server.directory / "audit.heads").read_text().splitlines()
    assert sum(line.startswith("removal ") for line in lines) >= 2, "one for each chain that was cut"
    server.start()
    assert verdict(server)["Findings"] == []


def test_retention_does_not_excuse_another_removal(server: Server) -> None:
    secrets = server.client("secretsmanager")
    for number in range(4):
        secrets.create_secret(Name=f"old-{number}", SecretString="x")
    server.advance(days=11)
    for number in range(4):
        secrets.create_secret(Name=f"new-{number}", SecretString="x")
    server.advance(days=1)
    assert verdict(server)["Findings"] == []
    with sqlite3.connect(server.directory / "holdfast.db") as database:
        database.execute("DELETE FROM audit_record WHERE sequence = (SELECT MIN(sequence) FROM audit_record)")
    database.close()
    assert [finding["Kind"] for finding in verdict(server)["Findings"]] == ["missing"]


def test_zero_keeps_everything_and_ends_an_earlier_retention(server: Server) -> None:
    server.client("secretsmanager").create_secret(Name="a", SecretString="x")
    jobs = server.control("GetStatus")["DueJobs"]
    server.stop()
    kept = Server(server.directory)
    kept.start()
    assert kept.control("GetStatus")["DueJobs"] == jobs - 1
    before = count(kept)
    kept.advance(days=400)
    assert count(kept) >= before
    kept.stop()
    kept.close()
    server.start()


def test_more_than_a_batch_goes_in_several(tmp_path: Path) -> None:
    # Without a window each read is a row.
    arguments = ("--audit-retention-days", "1", "--audit-read-window-milliseconds", "0")
    with Server(tmp_path / "data", arguments=arguments) as server:
        parameters = server.client("ssm")
        for _ in range(1100):
            parameters.get_parameters(Names=["/a"])
        server.advance(days=3)
        assert count(server) < 60
        found = verdict(server)
        assert found["Findings"] == []


def test_removal_counts_records_and_not_pages(server: Server) -> None:
    parameters = server.client("ssm")
    for _ in range(300):
        parameters.get_parameters(Names=["/a"])
    recorded = verdict(server)["Records"]
    assert count(server) < recorded, "some stand together on pages"
    server.advance(days=12)
    found = verdict(server)
    assert found["Findings"] == []
    removed = [
        int(json.loads(event["CloudTrailEvent"])["additionalEventData"]["recordsRemoved"])
        for event in server.client("cloudtrail").lookup_events(
            LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "RemoveExpiredRecords"}]
        )["Events"]
    ]
    assert recorded <= sum(removed) <= recorded + 1, "the call that moved the clock stands on record before it"
    assert found["Notes"][0].startswith(f"{sum(removed)} records up to ")


def test_a_run_reads_few_more_pages_than_it_removes(store: AuditStore) -> None:
    lines = [whole(ACCOUNT, REGION, START, f"request-{n}", 0, b"{}") for n in range(MOST_RECORDS)]

    async def work(writer: Writer) -> None:
        writer.executor.write(lambda tx: writer.audit.append_pages(tx, pages_of(lines) * 200), lambda _: None)
        await writer.executor.idle()

    store.serve(work)
    database = SqliteDatabase(store.directory / DATABASE)
    tx = SqliteTransaction(database.reading, writable=False)
    before = _looked_at(database)
    rows, removed = expired_rows(tx, START + 1)
    assert MOST <= removed < MOST + MOST_RECORDS
    assert removed == len(rows) * MOST_RECORDS
    ((size,),) = store.sql("SELECT SUM(length(record)) / 4096 FROM audit_record")
    assert 0 < _looked_at(database) - before < size // 3
    assert expired_rows(tx, START) == ([], 0)
    database.close()


def _looked_at(database: SqliteDatabase) -> int:
    """Pages of the file, from memory or not."""
    hits, _ = database.reading.status(apsw.SQLITE_DBSTATUS_CACHE_HIT)
    misses, _ = database.reading.status(apsw.SQLITE_DBSTATUS_CACHE_MISS)
    return hits + misses
