-- Work that reaches outside, and the rotation of secrets.

-- identity names one incarnation of a job: what its effect hands out so that a repetition is known. lane is 'store' for
-- jobs that only change the store and 'effect' for those that may reach outside. A running job is leased to an owner, who
-- moves its end (milliseconds of the owner's monotonic clock) while it works.
ALTER TABLE due_job ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE due_job ADD COLUMN lane TEXT NOT NULL DEFAULT 'store' CHECK (lane IN ('store', 'effect'));
ALTER TABLE due_job ADD COLUMN state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'dead'));
ALTER TABLE due_job ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE due_job ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;

UPDATE due_job SET identity = kind || ' ' || account || ' ' || region || ' ' || subject;

DROP INDEX due_job_by_due;

CREATE INDEX due_job_by_due ON due_job (state, lane, due, kind, account, region, subject);

CREATE INDEX due_job_by_identity ON due_job (identity);

-- Settings of a secret's rotation, its dates and its schedule, as JSON; empty when it was never configured. It stands in
-- the row of the secret because every description tells of it.
ALTER TABLE secret ADD COLUMN rotation TEXT NOT NULL DEFAULT '';

-- The rotation that is under way: which version it fills. A finished, cancelled or abandoned one has no row.
-- rotation_token is the SHA-256 of the token that the newest attempt was given. attempt is the newest attempt's number,
-- failures how many have failed so far, window_end the moment until which it is tried again every hour.
CREATE TABLE secret_rotation (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  token TEXT NOT NULL,
  test INTEGER NOT NULL CHECK (test IN (0, 1)),
  rotation_token TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  window_end INTEGER NOT NULL,
  PRIMARY KEY (account, region, name),
  FOREIGN KEY (account, region, name) REFERENCES secret (account, region, name)
) STRICT, WITHOUT ROWID;

-- What every attempt did, step by step: steps is JSON, labels_before and labels_after are {label: version id}.
CREATE TABLE secret_rotation_attempt (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  token TEXT NOT NULL,
  test INTEGER NOT NULL CHECK (test IN (0, 1)),
  function_arn TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  outcome TEXT NOT NULL
    CHECK (outcome IN ('running', 'succeeded', 'failed', 'interrupted', 'cancelled', 'abandoned', 'rolled-back')),
  steps TEXT NOT NULL,
  labels_before TEXT NOT NULL,
  labels_after TEXT NOT NULL,
  next_retry INTEGER NOT NULL,
  PRIMARY KEY (account, region, name, attempt),
  FOREIGN KEY (account, region, name) REFERENCES secret (account, region, name)
) STRICT, WITHOUT ROWID;
