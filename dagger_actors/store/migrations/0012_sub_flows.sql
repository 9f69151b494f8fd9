-- Runs of flows that are nodes of other runs are looked for by the run above them, and by the one above all.

CREATE INDEX flow_runs_parent ON flow_runs (parent_run) WHERE parent_run IS NOT NULL;
CREATE INDEX flow_runs_root ON flow_runs (root_run, status) WHERE parent_run IS NOT NULL;
