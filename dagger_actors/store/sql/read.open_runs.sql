-- Runs that are not over, with their owners; without those of flows inside them.
SELECT run_id, status, owner, epoch FROM flow_runs WHERE status IN ('pending', 'running', 'paused') AND parent_run IS NULL ORDER BY run_key
