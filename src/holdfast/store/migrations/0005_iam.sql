-- IAM: users, groups, roles, policies, OIDC providers. IAM is global, so nothing here has a Region.
-- Names are one name whatever their case: a *_key column holds the name in lower case, the other shows it as it was given.
-- What belongs to a user, group or role is kept under its unique id (AIDA…, AGPA…, AROA…), so that a new name costs one row.

-- One more with every write to this account's IAM: what is derived from these tables is used under one version only.
ALTER TABLE account ADD COLUMN iam_version INTEGER NOT NULL DEFAULT 0;

-- Of whom a key is: the user's name; empty for the account's root user.
ALTER TABLE access_key ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE access_key ADD COLUMN last_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_key ADD COLUMN last_used_service TEXT NOT NULL DEFAULT '';
ALTER TABLE access_key ADD COLUMN last_used_region TEXT NOT NULL DEFAULT '';

CREATE INDEX access_key_by_principal ON access_key (account, principal_id, access_key_id);

CREATE TABLE iam_user (
  account TEXT NOT NULL REFERENCES account (account),
  user_key TEXT NOT NULL,
  user_name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  path TEXT NOT NULL,
  created INTEGER NOT NULL,
  -- A JSON object, keys in the order in which they were first given.
  tags TEXT NOT NULL,
  PRIMARY KEY (account, user_key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX iam_user_by_id ON iam_user (user_id);
CREATE UNIQUE INDEX iam_user_by_account_and_id ON iam_user (account, user_id);
CREATE INDEX iam_user_by_path ON iam_user (account, path, user_key);

CREATE TABLE iam_group (
  account TEXT NOT NULL REFERENCES account (account),
  group_key TEXT NOT NULL,
  group_name TEXT NOT NULL,
  group_id TEXT NOT NULL,
  path TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (account, group_key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX iam_group_by_id ON iam_group (account, group_id);
CREATE INDEX iam_group_by_path ON iam_group (account, path, group_key);

CREATE TABLE iam_group_member (
  account TEXT NOT NULL,
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (account, group_id, user_id),
  FOREIGN KEY (account, group_id) REFERENCES iam_group (account, group_id),
  FOREIGN KEY (account, user_id) REFERENCES iam_user (account, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX iam_group_member_by_user ON iam_group_member (account, user_id, group_id);

CREATE TABLE iam_role (
  account TEXT NOT NULL REFERENCES account (account),
  role_key TEXT NOT NULL,
  role_name TEXT NOT NULL,
  role_id TEXT NOT NULL,
  path TEXT NOT NULL,
  created INTEGER NOT NULL,
  description TEXT NOT NULL,
  -- Seconds.
  maximum_session INTEGER NOT NULL CHECK (maximum_session BETWEEN 3600 AND 43200),
  -- The trust policy as it was given, and a JSON object from each user and role that it names to the unique id that the
  -- name had when the policy was saved.
  trust TEXT NOT NULL,
  trusted TEXT NOT NULL,
  last_used INTEGER NOT NULL,
  last_used_region TEXT NOT NULL,
  tags TEXT NOT NULL,
  PRIMARY KEY (account, role_key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX iam_role_by_id ON iam_role (role_id);
CREATE INDEX iam_role_by_path ON iam_role (account, path, role_key);

-- Customer managed policies. Those of AWS are data of the program (services/iam/aws_managed_policies.json).
CREATE TABLE iam_policy (
  account TEXT NOT NULL REFERENCES account (account),
  policy_key TEXT NOT NULL,
  policy_name TEXT NOT NULL,
  policy_id TEXT NOT NULL,
  policy_arn TEXT NOT NULL,
  path TEXT NOT NULL,
  description TEXT NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  default_version INTEGER NOT NULL,
  newest_version INTEGER NOT NULL,
  tags TEXT NOT NULL,
  PRIMARY KEY (account, policy_key)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX iam_policy_by_arn ON iam_policy (policy_arn);
CREATE UNIQUE INDEX iam_policy_by_id ON iam_policy (account, policy_id);
CREATE INDEX iam_policy_by_path ON iam_policy (account, path, policy_key);

CREATE TABLE iam_policy_version (
  account TEXT NOT NULL,
  policy_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (account, policy_id, version),
  FOREIGN KEY (account, policy_id) REFERENCES iam_policy (account, policy_id)
) STRICT, WITHOUT ROWID;

-- A managed policy on a user, group or role: what it grants (policy), or what it limits them to (boundary).
CREATE TABLE iam_attachment (
  account TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose IN ('policy', 'boundary')),
  policy_arn TEXT NOT NULL,
  PRIMARY KEY (account, owner_id, purpose, policy_arn)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX iam_attachment_one_boundary ON iam_attachment (account, owner_id) WHERE purpose = 'boundary';
CREATE INDEX iam_attachment_by_policy ON iam_attachment (account, policy_arn, owner_id, purpose);

-- How many attachments a policy has, of AWS or the account's own: counting them would cost more with each.
CREATE TABLE iam_policy_use (
  account TEXT NOT NULL,
  policy_arn TEXT NOT NULL,
  attachments INTEGER NOT NULL CHECK (attachments >= 0),
  boundaries INTEGER NOT NULL CHECK (boundaries >= 0),
  PRIMARY KEY (account, policy_arn)
) STRICT, WITHOUT ROWID;

CREATE TABLE iam_inline_policy (
  account TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  policy_name TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (account, owner_id, policy_name)
) STRICT, WITHOUT ROWID;

CREATE TABLE iam_oidc_provider (
  account TEXT NOT NULL REFERENCES account (account),
  -- The URL without its scheme, as in the ARN.
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  created INTEGER NOT NULL,
  -- JSON arrays.
  client_ids TEXT NOT NULL,
  thumbprints TEXT NOT NULL,
  tags TEXT NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

-- How many users, groups, roles, policies, … an account has, for its quotas and for GetAccountSummary.
CREATE TABLE iam_count (
  account TEXT NOT NULL,
  resource TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  PRIMARY KEY (account, resource)
) STRICT, WITHOUT ROWID;

-- No two accounts have the same alias.
CREATE TABLE account_alias (
  account TEXT NOT NULL REFERENCES account (account),
  alias TEXT NOT NULL,
  PRIMARY KEY (account)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX account_alias_by_alias ON account_alias (alias);
