-- parameters: workers that keep their runs, as a JSON array. Runs that are to go on, with their owners; those of flows
--   inside them go on with them.
SELECT run_id, owner FROM flow_runs
WHERE status IN ('pending', 'running', 'paused') AND status IN ('pending', 'running') AND parent_run IS NULL
  AND (owner IS NULL OR owner NOT IN (SELECT value FROM json_each(?)))
ORDER BY run_key
