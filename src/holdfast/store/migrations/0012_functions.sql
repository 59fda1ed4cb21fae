-- Functions. Version 0 is $LATEST. Code is kept once for each content of one function; environments, code and the payloads
-- of waiting events are sealed. Empty text and 0 mean "none", but for reserved_concurrency, where -1 does.

CREATE TABLE lambda_function (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  -- The number of the newest published version, given or gone.
  newest_version INTEGER NOT NULL,
  reserved_concurrency INTEGER NOT NULL,
  tags TEXT NOT NULL,
  PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE lambda_code (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  code_sha256 TEXT NOT NULL,
  zip_sealed BLOB NOT NULL,
  PRIMARY KEY (account, region, name, code_sha256),
  FOREIGN KEY (account, region, name) REFERENCES lambda_function (account, region, name)
) STRICT;

CREATE TABLE lambda_version (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  runtime TEXT NOT NULL,
  handler TEXT NOT NULL,
  role TEXT NOT NULL,
  description TEXT NOT NULL,
  timeout INTEGER NOT NULL,
  memory_size INTEGER NOT NULL,
  storage_size INTEGER NOT NULL,
  architecture TEXT NOT NULL,
  log_format TEXT NOT NULL,
  log_level TEXT NOT NULL,
  log_group TEXT NOT NULL,
  last_modified INTEGER NOT NULL,
  code_sha256 TEXT NOT NULL,
  code_size INTEGER NOT NULL,
  revision_id TEXT NOT NULL,
  environment_sealed BLOB,
  PRIMARY KEY (account, region, name, version),
  FOREIGN KEY (account, region, name) REFERENCES lambda_function (account, region, name),
  FOREIGN KEY (account, region, name, code_sha256)
    REFERENCES lambda_code (account, region, name, code_sha256)
) STRICT, WITHOUT ROWID;

-- An alias names a version that is there: the version cannot go before it.
CREATE TABLE lambda_alias (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  alias TEXT NOT NULL,
  version INTEGER NOT NULL,
  description TEXT NOT NULL,
  revision_id TEXT NOT NULL,
  PRIMARY KEY (account, region, name, alias),
  FOREIGN KEY (account, region, name, version) REFERENCES lambda_version (account, region, name, version)
) STRICT, WITHOUT ROWID;

-- The qualifier is empty for the function itself, else a version or an alias. Users and roles stand by their unique ids.
CREATE TABLE lambda_policy (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  qualifier TEXT NOT NULL,
  policy TEXT NOT NULL,
  revision_id TEXT NOT NULL,
  PRIMARY KEY (account, region, name, qualifier),
  FOREIGN KEY (account, region, name) REFERENCES lambda_function (account, region, name)
) STRICT, WITHOUT ROWID;

-- Events that were accepted (InvocationType Event) and are not done.
CREATE TABLE lambda_event (
  event_id TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  qualifier TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  payload_sealed BLOB NOT NULL,
  PRIMARY KEY (event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX lambda_event_by_due ON lambda_event (due, event_id);

-- The attempt that holds a subject. Credentials that name another attempt of it are refused.
CREATE TABLE session_fence (
  subject TEXT NOT NULL,
  attempt TEXT NOT NULL,
  PRIMARY KEY (subject)
) STRICT, WITHOUT ROWID;
