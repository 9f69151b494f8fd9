-- Nodes that were added while their run went on: the definition that the run is pinned to, continued.

CREATE TABLE added_nodes (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,             -- its position, behind those of the definition
  body TEXT NOT NULL,                -- the NodeDefinition as JSON
  PRIMARY KEY (run_key, node)
) STRICT, WITHOUT ROWID;
