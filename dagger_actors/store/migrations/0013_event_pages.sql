-- A page of events is read where it begins, however many nodes the run has.

CREATE INDEX node_runs_waiting_seq ON node_runs (run_key, waiting_seq) WHERE waiting_seq IS NOT NULL;
CREATE INDEX node_runs_started_seq ON node_runs (run_key, started_seq) WHERE started_seq IS NOT NULL;
CREATE INDEX node_runs_ended_seq ON node_runs (run_key, ended_seq) WHERE ended_seq IS NOT NULL;
