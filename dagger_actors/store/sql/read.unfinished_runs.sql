-- Runs that are to go on, with their owners; those of flows inside them go on with them.
SELECT run_id, owner FROM flow_runs
WHERE status IN ('pending', 'running', 'paused') AND status IN ('pending', 'running') AND parent_run IS NULL
ORDER BY run_key
