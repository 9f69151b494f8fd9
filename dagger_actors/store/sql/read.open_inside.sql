-- parameters: run_key. The runs inside a run, at any depth, that are not over, the innermost first.
WITH RECURSIVE inside (run_key, depth) AS (
  SELECT run_key, 1 FROM flow_runs WHERE parent_run = ?
  UNION ALL
  SELECT flow_runs.run_key, depth + 1 FROM inside JOIN flow_runs ON flow_runs.parent_run = inside.run_key
)
SELECT run_id FROM inside JOIN flow_runs USING (run_key)
WHERE status IN ('pending', 'running', 'paused') ORDER BY depth DESC, run_key
