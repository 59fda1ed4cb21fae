-- Grants of KMS keys, and why signatures failed.

-- How many grants a key has, so that a call on a key without any reads nothing more than the key.
ALTER TABLE kms_key ADD COLUMN grants INTEGER NOT NULL DEFAULT 0 CHECK (grants >= 0);

CREATE TABLE kms_grant (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  -- 64 hexadecimal digits, never given again.
  grant_id TEXT NOT NULL,
  -- Empty when the grant has none.
  name TEXT NOT NULL,
  -- The unique id of a user or role, the ARN of a session or of an account's root.
  grantee TEXT NOT NULL,
  -- The same for who may retire it; empty for nobody but those who always may.
  retiring TEXT NOT NULL,
  -- The account whose principal made it.
  issuer TEXT NOT NULL,
  -- A JSON array of names, sorted.
  operations TEXT NOT NULL,
  -- A JSON object with EncryptionContextEquals or EncryptionContextSubset; empty when there is no constraint.
  constraints TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (account, region, key_id, grant_id),
  FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX kms_grant_by_grantee ON kms_grant (account, region, key_id, grantee, grant_id);

CREATE INDEX kms_grant_by_name ON kms_grant (account, region, key_id, name);

CREATE INDEX kms_grant_by_retiring ON kms_grant (region, retiring, grant_id);

-- Why signatures were not accepted: the newest ten thousand refusals that were looked into. Nothing in it is secret.
CREATE TABLE signature_failure (
  -- Ids are in the order of time.
  request_id TEXT NOT NULL PRIMARY KEY,
  -- A JSON object (services/holdfast/diagnoses.py).
  diagnosis TEXT NOT NULL
) STRICT, WITHOUT ROWID;
