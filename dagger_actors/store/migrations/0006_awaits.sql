-- What attempts of nodes await from outside their run; their rows in node_runs are waiting.

CREATE TABLE awaits (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,
  item INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL,                -- the reason of the waiting row: message = one of a channel
  wanted TEXT NOT NULL,              -- what it must be like, as JSON
  channel TEXT,                      -- whose message; NULL = of none
  since INTEGER,                     -- the offset from which one is taken
  answered_at INTEGER,               -- NULL = it has not come
  source TEXT,                       -- where it came from, as a JSON object
  PRIMARY KEY (run_key, node, item, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX awaits_channel ON awaits (channel) WHERE channel IS NOT NULL AND answered_at IS NULL;
