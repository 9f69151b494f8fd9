-- Runs that somebody has to carry on: what is not final, with its owner.
SELECT run_id, status, owner, epoch FROM flow_runs WHERE status IN ('pending', 'running') ORDER BY run_key
