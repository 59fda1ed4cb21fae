-- Parameter Store. `path` is the name with its leading slash: /X and X are one parameter. Names order by bytes.
-- No value is readable: a String or StringList is sealed under the root key, a SecureString is a KMS ciphertext blob.

-- What DescribeParameters tells, of the current version; no ciphertext, so that listings read small rows.
CREATE TABLE parameter (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  path TEXT NOT NULL,
  -- The path one level up, `/` at the root: listing one level reads nothing below it.
  parent TEXT NOT NULL,
  -- 1 when the name was created with its leading slash; only a name at the root can lack it.
  rooted INTEGER NOT NULL,
  version INTEGER NOT NULL,
  type TEXT NOT NULL,
  -- As the caller named the key; empty unless the type is SecureString.
  key_id TEXT NOT NULL,
  description TEXT NOT NULL,
  allowed_pattern TEXT NOT NULL,
  tier TEXT NOT NULL,
  data_type TEXT NOT NULL,
  modified INTEGER NOT NULL,
  modified_by TEXT NOT NULL,
  -- The tags as JSON, for conditions and filters; the same as in parameter_tag. Empty for none.
  tags TEXT NOT NULL,
  PRIMARY KEY (account, region, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX parameter_by_parent ON parameter (account, region, parent, path);

CREATE TABLE parameter_version (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  path TEXT NOT NULL,
  version INTEGER NOT NULL,
  type TEXT NOT NULL,
  key_id TEXT NOT NULL,
  description TEXT NOT NULL,
  allowed_pattern TEXT NOT NULL,
  tier TEXT NOT NULL,
  data_type TEXT NOT NULL,
  modified INTEGER NOT NULL,
  modified_by TEXT NOT NULL,
  value_sealed BLOB,
  value_encrypted BLOB,
  PRIMARY KEY (account, region, path, version),
  FOREIGN KEY (account, region, path) REFERENCES parameter (account, region, path),
  CHECK ((value_sealed IS NULL) <> (value_encrypted IS NULL)),
  CHECK ((value_encrypted IS NULL) = (type <> 'SecureString'))
) STRICT, WITHOUT ROWID;

-- A label is on one version of a parameter, and a version that has one cannot go.
CREATE TABLE parameter_label (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  path TEXT NOT NULL,
  label TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (account, region, path, label),
  FOREIGN KEY (account, region, path, version) REFERENCES parameter_version (account, region, path, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX parameter_label_by_label ON parameter_label (account, region, label, path, version);

CREATE TABLE parameter_tag (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  path TEXT NOT NULL,
  tag_key TEXT NOT NULL,
  tag_value TEXT NOT NULL,
  PRIMARY KEY (account, region, path, tag_key),
  FOREIGN KEY (account, region, path) REFERENCES parameter (account, region, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX parameter_tag_by_value ON parameter_tag (account, region, tag_key, tag_value, path);
