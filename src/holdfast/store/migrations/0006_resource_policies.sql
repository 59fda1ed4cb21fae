-- The resource policy of a secret as its owner put it, with the unique ids of users and roles; empty text when it has
-- none. It stands in the row of the secret, so that reading a value stays one statement.

ALTER TABLE secret ADD COLUMN policy TEXT NOT NULL DEFAULT '';
