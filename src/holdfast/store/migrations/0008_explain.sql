-- Why calls were denied (access/chain.py): the checks as they were decided, since policies change later.
-- Request ids rise with time, so new rows go to the end and retention removes from the beginning.
CREATE TABLE access_denial (
  request_id TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  chain TEXT NOT NULL
) STRICT;
