-- Tamper-evident audit: each record is a link of the chain of the server that wrote it (vault/chain.py).

-- Absent in records that were written before there were chains.
ALTER TABLE audit_record ADD COLUMN chain INTEGER;
ALTER TABLE audit_record ADD COLUMN position INTEGER;
ALTER TABLE audit_record ADD COLUMN tag BLOB;

-- A bit pattern of what a record can be looked up by (services/cloudtrail/marks.py); all bits: unknown, read the record.
ALTER TABLE audit_record ADD COLUMN marks INTEGER NOT NULL DEFAULT -1;

-- Times rise, so a new entry goes to the end of its account's part: the only order that every record pays for, and it
-- holds the marks too, so that a lookup passes over what it does not want without touching the record.
CREATE INDEX audit_record_by_time ON audit_record (account, region, event_time, sequence, marks);

-- Request ids rise with time as well (vault/randomness.py, time_ordered_id).
CREATE INDEX audit_record_by_request ON audit_record (request_id);

-- What is known of each chain, sealed: its opening, its newest head, what retention removed. Copies are in audit.heads.
CREATE TABLE audit_head (
  chain INTEGER NOT NULL,
  kind TEXT NOT NULL,
  statement_sealed BLOB NOT NULL,
  PRIMARY KEY (chain, kind)
) STRICT, WITHOUT ROWID;
