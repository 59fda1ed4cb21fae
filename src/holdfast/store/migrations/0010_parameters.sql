-- Parameter Store whole: tiers, parameter policies, service settings, sharing.

-- The parameter policies of the current version and of each version, as JSON: type, text, status and due moment of each.
ALTER TABLE parameter ADD COLUMN policies TEXT NOT NULL DEFAULT '';
ALTER TABLE parameter_version ADD COLUMN policies TEXT NOT NULL DEFAULT '';

-- The resource policy as its owner put it, with the unique ids of users and roles, and its id. Both empty when there is none.
-- They stand in the row of the parameter, so that reading a value stays one statement.
ALTER TABLE parameter ADD COLUMN resource_policy TEXT NOT NULL DEFAULT '';
ALTER TABLE parameter ADD COLUMN resource_policy_id TEXT NOT NULL DEFAULT '';

-- How many parameters of each tier there are: counted once, not with every write.
CREATE TABLE parameter_count (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  tier TEXT NOT NULL,
  parameters INTEGER NOT NULL,
  PRIMARY KEY (account, region, tier)
) STRICT, WITHOUT ROWID;

INSERT INTO parameter_count (account, region, tier, parameters)
  SELECT account, region, tier, COUNT(*) FROM parameter GROUP BY account, region, tier;

-- Parameters whose resource policy names another account: what that account lists as shared with it.
CREATE TABLE parameter_share (
  consumer TEXT NOT NULL,
  region TEXT NOT NULL,
  account TEXT NOT NULL,
  path TEXT NOT NULL,
  PRIMARY KEY (consumer, region, account, path),
  FOREIGN KEY (account, region, path) REFERENCES parameter (account, region, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX parameter_share_by_parameter ON parameter_share (account, region, path);

-- Only settings that were changed; a missing row is the default.
CREATE TABLE service_setting (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  setting_id TEXT NOT NULL,
  value TEXT NOT NULL,
  modified INTEGER NOT NULL,
  modified_by TEXT NOT NULL,
  PRIMARY KEY (account, region, setting_id)
) STRICT, WITHOUT ROWID;
