-- Nodes that were added, or changed, while their run went on: the definition that the run is pinned to, continued.

CREATE TABLE added_nodes (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,             -- its position; those that were added are behind the definition's
  body TEXT NOT NULL,                -- the NodeDefinition as JSON
  PRIMARY KEY (run_key, node)
) STRICT, WITHOUT ROWID;
