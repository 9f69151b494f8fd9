-- parameters: run_key. The runs of the flows that are nodes of a run.
SELECT run_id, flow_name, status FROM flow_runs WHERE parent_run = ? ORDER BY run_key
