-- KMS: keys, their key material, aliases and tags.
-- Key material is the only secret here, and it is sealed under the root key (vault/registry.py).

CREATE TABLE kms_key (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  -- The service an AWS managed key belongs to (secretsmanager); empty for a customer managed key.
  managed_for TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('Enabled', 'Disabled', 'PendingDeletion')),
  description TEXT NOT NULL,
  -- The key policy as the customer sent it; empty for the default or the fixed one.
  policy TEXT NOT NULL,
  created INTEGER NOT NULL,
  -- When the key is deleted; 0 unless the state is PendingDeletion.
  deletion_due INTEGER NOT NULL,
  current_material_id TEXT NOT NULL,
  -- Days between automatic rotations; 0 when rotation is off.
  rotation_period INTEGER NOT NULL,
  next_rotation INTEGER NOT NULL,
  PRIMARY KEY (account, region, key_id),
  CHECK ((state = 'PendingDeletion') = (deletion_due > 0)),
  CHECK ((rotation_period > 0) = (next_rotation > 0))
) STRICT, WITHOUT ROWID;

-- Every material a key ever had: the current one encrypts, all of them decrypt.
CREATE TABLE kms_key_material (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  material_id TEXT NOT NULL,
  -- 1 for the first material, then one more for each rotation.
  sequence INTEGER NOT NULL,
  material_sealed BLOB NOT NULL,
  created INTEGER NOT NULL,
  rotation_type TEXT NOT NULL CHECK (rotation_type IN ('', 'AUTOMATIC', 'ON_DEMAND')),
  PRIMARY KEY (account, region, key_id, material_id),
  FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX kms_key_material_by_sequence ON kms_key_material (account, region, key_id, sequence);

-- Names begin with alias/.
CREATE TABLE kms_alias (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (account, region, name),
  FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id)
) STRICT, WITHOUT ROWID;

-- It holds the whole row: by name alone the planner would walk every alias of the account to find the few of one key.
CREATE INDEX kms_alias_by_key ON kms_alias (account, region, key_id, name, created, updated);

CREATE TABLE kms_tag (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  tag_key TEXT NOT NULL,
  tag_value TEXT NOT NULL,
  PRIMARY KEY (account, region, key_id, tag_key),
  FOREIGN KEY (account, region, key_id) REFERENCES kms_key (account, region, key_id)
) STRICT, WITHOUT ROWID;
