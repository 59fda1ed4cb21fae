"""The table of audit records. Rows are only ever added."""

from __future__ import annotations

from holdfast.store.statements import Statement

APPEND = Statement("INSERT INTO audit_record (account, region, event_time, request_id, record) VALUES (?, ?, ?, ?, ?)")
READ_BY_REQUEST = Statement(
    "SELECT record FROM audit_record WHERE sequence > ? AND request_id = ? ORDER BY sequence LIMIT 100"
)
READ_AFTER = Statement(
    "SELECT sequence, account, region, event_time, request_id, record FROM audit_record"
    " WHERE sequence > ? ORDER BY sequence LIMIT 1000"
)
