-- Runs that are to go on, with their owners.
SELECT run_id, owner FROM flow_runs
WHERE status IN ('pending', 'running', 'paused') AND status IN ('pending', 'running') ORDER BY run_key
