-- Accounts, credentials, due jobs and audit: what every service stands on.
-- Times are whole milliseconds since 1970 in service time; flags are 0 or 1.

CREATE TABLE store_metadata (
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (name)
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  account TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (account)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_key (
  access_key_id TEXT NOT NULL,
  account TEXT NOT NULL REFERENCES account (account),
  principal_kind TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  principal_arn TEXT NOT NULL,
  active INTEGER NOT NULL,
  secret_sealed BLOB NOT NULL,
  row_version INTEGER NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (access_key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX access_key_by_account ON access_key (account, access_key_id);

-- Work that becomes due: written in the transaction that causes it, run by work/due.py.
CREATE TABLE due_job (
  kind TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  subject TEXT NOT NULL,
  due INTEGER NOT NULL,
  payload TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  PRIMARY KEY (kind, account, region, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX due_job_by_due ON due_job (due, kind, account, region, subject);

-- CloudTrail-shaped records, in the order in which they were written.
CREATE TABLE audit_record (
  sequence INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  record BLOB NOT NULL
) STRICT;
