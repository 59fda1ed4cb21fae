-- EventBridge: buses, rules, targets, connections and API destinations.

-- The default bus of an account and region is always there; it has a row only once it has a policy, a description or tags.
CREATE TABLE event_bus (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  bus TEXT NOT NULL,
  description TEXT NOT NULL,
  -- As it is evaluated: users and roles by their unique ids. Empty when there is none.
  policy TEXT NOT NULL,
  tags TEXT NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  PRIMARY KEY (account, region, bus)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_rule (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  bus TEXT NOT NULL,
  name TEXT NOT NULL,
  pattern TEXT NOT NULL,
  schedule TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ENABLED', 'DISABLED', 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS')),
  description TEXT NOT NULL,
  role TEXT NOT NULL,
  created_by TEXT NOT NULL,
  tags TEXT NOT NULL,
  -- From when a rate is counted.
  scheduled INTEGER NOT NULL,
  PRIMARY KEY (account, region, bus, name),
  CHECK (pattern <> '' OR schedule <> '')
) STRICT, WITHOUT ROWID;

CREATE TABLE event_target (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  bus TEXT NOT NULL,
  rule TEXT NOT NULL,
  target_id TEXT NOT NULL,
  arn TEXT NOT NULL,
  -- The target as it was put, as JSON.
  settings TEXT NOT NULL,
  PRIMARY KEY (account, region, bus, rule, target_id),
  FOREIGN KEY (account, region, bus, rule) REFERENCES event_rule (account, region, bus, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_target_by_arn ON event_target (account, region, bus, arn, rule);

-- Which rules of a bus events are compared with. The version is a new one after each change, never one that was there
-- before: what is compiled under it is right for as long as it stands here. No row: no such rules.
CREATE TABLE event_rule_set (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  bus TEXT NOT NULL,
  version TEXT NOT NULL,
  -- Whether one of them wants to see calls that only read.
  reads INTEGER NOT NULL,
  PRIMARY KEY (account, region, bus)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_connection (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  description TEXT NOT NULL,
  state TEXT NOT NULL,
  authorization_type TEXT NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  authorized INTEGER NOT NULL,
  -- AuthParameters as they were given; none once it was deauthorized.
  parameters_sealed BLOB,
  PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_api_destination (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  destination_id TEXT NOT NULL,
  description TEXT NOT NULL,
  connection TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  method TEXT NOT NULL,
  rate_limit INTEGER NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_api_destination_by_connection ON event_api_destination (account, region, connection, name);
