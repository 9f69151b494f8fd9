-- Times are integer microseconds UTC. Columns named *_json hold JSON text.

CREATE TABLE id_ranges (
  name TEXT PRIMARY KEY,
  next INTEGER NOT NULL          -- first id nobody has reserved
) STRICT, WITHOUT ROWID;

INSERT INTO id_ranges (name, next) VALUES ('worker', 1), ('run', 1);

CREATE TABLE workers (
  worker_id INTEGER PRIMARY KEY,
  pid INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  beat INTEGER NOT NULL DEFAULT 0,
  lease_expires_at INTEGER NOT NULL, -- for display: no decision reads a wall clock
  slot_file TEXT NOT NULL            -- name in the folder beside the database; its flock is the proof of life
) STRICT;

CREATE TABLE definitions (
  definition_id TEXT PRIMARY KEY,    -- SHA-256 of body
  flow_name TEXT NOT NULL,
  format INTEGER NOT NULL,
  body TEXT NOT NULL,                -- the FlowDefinition as JSON
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE flow_runs (
  run_key INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  root_run INTEGER NOT NULL,
  parent_run INTEGER,
  flow_name TEXT NOT NULL,
  definition_id TEXT NOT NULL REFERENCES definitions (definition_id),
  status TEXT NOT NULL
    CHECK (status IN ('pending', 'running', 'paused', 'succeeded', 'failed', 'cancelled', 'timed_out')),
  config TEXT NOT NULL,              -- the FlowConfig in force, as JSON
  inputs TEXT NOT NULL,              -- as JSON; secrets by reference
  imports TEXT NOT NULL,             -- where its actions were found, as JSON
  error TEXT,                        -- the first failure, one line
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  elapsed_us INTEGER NOT NULL DEFAULT 0, -- time it ran, pauses apart
  owner INTEGER,                     -- worker_id; NULL = nobody's
  epoch INTEGER NOT NULL DEFAULT 0   -- counts the owners; every owner write expects both
) STRICT;

CREATE INDEX flow_runs_open ON flow_runs (status) WHERE status IN ('pending', 'running', 'paused');
CREATE INDEX flow_runs_definition ON flow_runs (definition_id);

CREATE TABLE node_runs (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,             -- position of the node in the definition
  item INTEGER NOT NULL,             -- position of the map item; -1 = the node itself
  attempt INTEGER NOT NULL,          -- from 1; 0 = skipped without one
  run_id TEXT NOT NULL,
  node_id TEXT NOT NULL,
  invocation_key TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ready', 'running', 'waiting', 'succeeded', 'failed', 'skipped',
    'cancelled', 'timed_out', 'interrupted')),
  try_no INTEGER NOT NULL DEFAULT 1, -- the user's count; an interrupted attempt is repeated under the same number
  crash_no INTEGER NOT NULL DEFAULT 0, -- crashes of this work so far; reset by a release
  input_hash TEXT,
  output TEXT,                       -- JSON text, up to 1 KiB
  output_artifact_id TEXT,           -- larger outputs and bytes
  size INTEGER,                      -- of a mapped node: how many items
  reason TEXT,                       -- why it was skipped, cancelled or parked
  error TEXT,                        -- the failure as JSON
  due_at INTEGER,                    -- of a retry wait
  started_at INTEGER,
  finished_at INTEGER,
  PRIMARY KEY (run_key, node, item, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
  artifact_id TEXT PRIMARY KEY,      -- SHA-256 of the content
  kind TEXT NOT NULL,                -- 'json', 'bytes'
  media_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  storage_location TEXT NOT NULL CHECK (storage_location IN ('inline', 'file')),
  inline_data BLOB,
  file_path TEXT,                    -- relative to the artifact folder
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE artifact_names (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,
  item INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  name TEXT NOT NULL,
  artifact_id TEXT NOT NULL REFERENCES artifacts (artifact_id),
  PRIMARY KEY (run_key, node, item, attempt, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
  command_id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  verb TEXT NOT NULL,                -- 'cancel'
  created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX commands_run ON commands (run_key);

CREATE VIEW runs AS
SELECT run_id, flow_name, status, error,
       datetime(created_at / 1000000, 'unixepoch') AS created,
       datetime(finished_at / 1000000, 'unixepoch') AS finished,
       elapsed_us / 1e6 AS elapsed_s, owner
FROM flow_runs;

CREATE VIEW nodes AS
SELECT run_id, node_id, invocation_key, attempt, state, reason, output, output_artifact_id,
       datetime(started_at / 1000000, 'unixepoch') AS started,
       (finished_at - started_at) / 1e6 AS elapsed_s, error
FROM node_runs;
