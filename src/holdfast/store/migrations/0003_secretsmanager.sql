-- Secrets, their versions and staging labels. Empty text and 0 mean "none".
--
-- secret.stages is {version id: [labels]} and says for a reader what secret_label says for the schema; both are written
-- by one function. secret.tags is {key: value}, or empty when there were never any. secret.deletion_date is the moment
-- after which the secret is removed. last_accessed is the start of a day (UTC).

CREATE TABLE secret (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  suffix TEXT NOT NULL,
  description TEXT NOT NULL,
  kms_key_id TEXT NOT NULL,
  type TEXT NOT NULL,
  created INTEGER NOT NULL,
  last_changed INTEGER NOT NULL,
  last_accessed INTEGER NOT NULL,
  deletion_date INTEGER NOT NULL,
  create_token TEXT NOT NULL,
  version_count INTEGER NOT NULL CHECK (version_count BETWEEN 0 AND 100),
  stages TEXT NOT NULL,
  tags TEXT NOT NULL,
  PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX secret_by_created ON secret (account, region, created, name);

CREATE INDEX secret_by_last_changed ON secret (account, region, last_changed, name);

CREATE INDEX secret_by_last_accessed ON secret (account, region, last_accessed, name);

-- A version may have no value: a rotation reserves one before it fills it. kms_key is the ARN of the key that wraps
-- data_key, or empty for the account's own key alias/aws/secretsmanager.
CREATE TABLE secret_version (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  version_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  last_accessed INTEGER NOT NULL,
  kind TEXT CHECK (kind IN ('string', 'binary')),
  kms_key TEXT,
  data_key BLOB,
  value_sealed BLOB,
  PRIMARY KEY (account, region, name, version_id),
  FOREIGN KEY (account, region, name) REFERENCES secret (account, region, name),
  CHECK ((kind IS NULL AND kms_key IS NULL AND data_key IS NULL AND value_sealed IS NULL)
    OR (kind IS NOT NULL AND kms_key IS NOT NULL AND data_key IS NOT NULL AND value_sealed IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- A label is on one version at most: the primary key says so. A version that bears one cannot be removed.
CREATE TABLE secret_label (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  label TEXT NOT NULL,
  version_id TEXT NOT NULL,
  PRIMARY KEY (account, region, name, label),
  FOREIGN KEY (account, region, name, version_id)
    REFERENCES secret_version (account, region, name, version_id)
) STRICT, WITHOUT ROWID;
