-- What flows for real use keep besides runs and nodes.

CREATE TABLE attempt_logs (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,
  item INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  text TEXT NOT NULL,                -- what it logged and printed, in the order it came, bounded
  dropped_bytes INTEGER NOT NULL,    -- what the bound left out
  PRIMARY KEY (run_key, node, item, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE cache_entries (
  input_hash TEXT PRIMARY KEY,       -- SHA-256 of the parts
  parts TEXT NOT NULL,               -- as JSON: the name of each part of the key, and its hash
  flow_name TEXT NOT NULL,
  run_id TEXT NOT NULL,              -- which attempt computed it
  node_id TEXT NOT NULL,
  invocation_key TEXT NOT NULL,
  run_key INTEGER NOT NULL,
  node INTEGER NOT NULL,
  item INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  output TEXT,                       -- as in node_runs
  output_artifact_id TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX cache_entries_node ON cache_entries (flow_name, node_id, invocation_key, created_at);

CREATE TABLE steps (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,
  item INTEGER NOT NULL,
  name TEXT NOT NULL,                -- unique within the invocation; the same for each of its attempts
  output TEXT,
  output_artifact_id TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (run_key, node, item, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_values (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  key TEXT NOT NULL,                 -- the namespace that the nodes of one run share
  value TEXT NOT NULL,               -- as JSON
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (run_key, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE kept_artifacts (
  artifact_id TEXT NOT NULL REFERENCES artifacts (artifact_id),
  name TEXT NOT NULL,                -- '' = none
  media_type TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (artifact_id, name)    -- belongs to no run: each row is a root that collection spares
) STRICT, WITHOUT ROWID;
