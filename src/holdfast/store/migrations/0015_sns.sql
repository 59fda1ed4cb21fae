-- Topics and their subscriptions, messages whose fan-out goes on, and the keys that messages are signed with. Empty text
-- means "none".

CREATE TABLE sns_topic (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  display_name TEXT NOT NULL,
  policy TEXT NOT NULL,
  delivery_policy TEXT NOT NULL,
  signature_version TEXT NOT NULL,
  tracing TEXT NOT NULL,
  tags TEXT NOT NULL,
  -- How many subscriptions there are of each state: counted once, not with every question.
  confirmed INTEGER NOT NULL,
  pending INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (account, region, name)
) STRICT, WITHOUT ROWID;

-- account, region, name: the topic's. A deleted one stays for a while, so that its endpoint can take that back.
CREATE TABLE sns_subscription (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  subscription_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  principal TEXT NOT NULL,
  protocol TEXT NOT NULL,
  -- Without the password, if it had one.
  endpoint TEXT NOT NULL,
  endpoint_sealed BLOB,
  created INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed', 'deleted')),
  token_hash TEXT NOT NULL,
  authenticated INTEGER NOT NULL CHECK (authenticated IN (0, 1)),
  raw INTEGER NOT NULL CHECK (raw IN (0, 1)),
  filter_policy TEXT NOT NULL,
  filter_scope TEXT NOT NULL,
  delivery_policy TEXT NOT NULL,
  redrive_policy TEXT NOT NULL,
  PRIMARY KEY (account, region, name, subscription_id),
  FOREIGN KEY (account, region, name) REFERENCES sns_topic (account, region, name)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX sns_subscription_by_endpoint ON sns_subscription (account, region, name, protocol, endpoint)
  WHERE state <> 'deleted';
CREATE INDEX sns_subscription_by_owner ON sns_subscription (owner, region, name, subscription_id);
CREATE INDEX sns_subscription_by_state ON sns_subscription (account, region, name, state, subscription_id);
CREATE INDEX sns_subscription_by_token ON sns_subscription (token_hash);
CREATE INDEX sns_subscription_with_filter ON sns_subscription (account, region, name) WHERE filter_policy <> '';

-- A message that has not been handed to all subscriptions of its topic yet: to those up to `position` it was.
CREATE TABLE sns_fan_out (
  message_id TEXT NOT NULL,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  position TEXT NOT NULL,
  message_sealed BLOB NOT NULL,
  PRIMARY KEY (message_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sns_signing_key (
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  certificate TEXT NOT NULL,
  key_sealed BLOB NOT NULL,
  PRIMARY KEY (region, key_id)
) STRICT;

CREATE UNIQUE INDEX sns_signing_key_by_id ON sns_signing_key (key_id);
