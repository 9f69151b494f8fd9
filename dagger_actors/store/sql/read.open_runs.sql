-- Runs that are not over, with their owners.
SELECT run_id, status, owner, epoch FROM flow_runs WHERE status IN ('pending', 'running', 'paused') ORDER BY run_key
