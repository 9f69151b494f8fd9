-- What people have answered where a run asks them; whoever looks next takes it into the run.

CREATE TABLE answers (
  run_key INTEGER NOT NULL REFERENCES flow_runs (run_key),
  node INTEGER NOT NULL,
  item INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  value TEXT NOT NULL,               -- as JSON
  rejected INTEGER NOT NULL,         -- 1 = no
  reason TEXT NOT NULL,              -- why; '' = not said
  user TEXT NOT NULL,                -- who has answered: the user of the process
  pid INTEGER NOT NULL,
  answered_at INTEGER NOT NULL,
  PRIMARY KEY (run_key, node, item, attempt)
) STRICT, WITHOUT ROWID;

ALTER TABLE flow_runs ADD COLUMN asks_until INTEGER; -- of a run that rests because people are asked: when it is to be looked at

CREATE INDEX flow_runs_asking ON flow_runs (asks_until) WHERE asks_until IS NOT NULL;
