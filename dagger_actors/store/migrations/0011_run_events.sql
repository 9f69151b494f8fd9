-- Events of runs: each has a number within its run, in the order of the commits. Most are in the rows that there are anyway.

ALTER TABLE flow_runs ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0; -- the highest one so far

ALTER TABLE node_runs ADD COLUMN waiting_seq INTEGER; -- that the attempt waits
ALTER TABLE node_runs ADD COLUMN started_seq INTEGER;
ALTER TABLE node_runs ADD COLUMN ended_seq INTEGER;

CREATE TABLE run_events (            -- the others: states of the run, nodes that were added, what hooks emit
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  node_id TEXT NOT NULL,             -- who did it; empty = the run
  name TEXT NOT NULL,
  data TEXT,                         -- as JSON
  at INTEGER NOT NULL,
  PRIMARY KEY (run_key, seq)
) STRICT, WITHOUT ROWID;
