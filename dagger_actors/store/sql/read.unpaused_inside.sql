-- parameters: run_key. The runs inside a run, at any depth, that go on: they have begun, do not pause, and their end is not decided.
WITH RECURSIVE inside (run_key, run_id, pausing, ending, status) AS (
  SELECT run_key, run_id, pausing, ending, status FROM flow_runs WHERE parent_run = ? AND status IN ('running', 'paused')
  UNION ALL
  SELECT flow_runs.run_key, flow_runs.run_id, flow_runs.pausing, flow_runs.ending, flow_runs.status
  FROM inside JOIN flow_runs ON flow_runs.parent_run = inside.run_key
  WHERE flow_runs.status IN ('running', 'paused')
)
SELECT run_id FROM inside WHERE status = 'running' AND NOT pausing AND ending IS NULL ORDER BY run_key
