-- Deliveries of events and messages, and a lane of their own for the jobs that deliver: a destination that hangs must not
-- keep a rotation waiting. The table of jobs is made anew because a CHECK cannot be changed in place.

ALTER TABLE due_job RENAME TO due_job_before_lanes;
DROP INDEX due_job_by_due;
DROP INDEX due_job_by_identity;

CREATE TABLE due_job (
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  subject TEXT NOT NULL,
  due INTEGER NOT NULL,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  identity TEXT NOT NULL DEFAULT '',
  lane TEXT NOT NULL DEFAULT 'store' CHECK (lane IN ('store', 'effect', 'delivery', 'invocation')),
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'dead')),
  owner TEXT NOT NULL DEFAULT '',
  lease INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, account, region, subject)
) STRICT, WITHOUT ROWID;

INSERT INTO due_job (kind, account, region, subject, due, payload, attempts, last_error, identity, lane, state, owner, lease)
SELECT kind, account, region, subject, due, payload, attempts, last_error, identity, lane, state, owner, lease
FROM due_job_before_lanes;

-- Events for functions had a queue without jobs.
INSERT INTO due_job (kind, account, region, subject, due, payload, attempts, last_error, identity, lane)
SELECT 'lambda_.run-event', account, region, event_id, due, '{}', 0, '', event_id, 'invocation' FROM lambda_event;

DROP TABLE due_job_before_lanes;

CREATE INDEX due_job_by_due ON due_job (state, lane, due, kind, account, region, subject);
CREATE INDEX due_job_by_identity ON due_job (identity);

-- state: waiting (for its first or a further attempt), delivered (kept for a while, so that it can be looked at), failed.
CREATE TABLE delivery (
  delivery_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  destination TEXT NOT NULL,
  carried TEXT NOT NULL,
  created INTEGER NOT NULL,
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
  error_code TEXT NOT NULL,
  last_error TEXT NOT NULL,
  body_sealed BLOB NOT NULL,
  PRIMARY KEY (delivery_id)
) STRICT, WITHOUT ROWID;

-- due, of one that waits: when it is tried next; of any other: when it was delivered or given up.
CREATE INDEX delivery_by_destination ON delivery (destination, state, due, delivery_id);
CREATE INDEX delivery_by_account ON delivery (account, state, due, delivery_id);
CREATE INDEX delivery_by_state ON delivery (state, due, delivery_id);
