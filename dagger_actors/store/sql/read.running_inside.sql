-- parameters: run_key. The runs inside a run, at any depth, that have begun and whose end is not decided, the innermost first,
--   each with whether it pauses.
WITH RECURSIVE inside (run_key, depth) AS (
  SELECT run_key, 1 FROM flow_runs WHERE parent_run = ? AND status IN ('running', 'paused')
  UNION ALL
  SELECT flow_runs.run_key, depth + 1
  FROM inside JOIN flow_runs ON flow_runs.parent_run = inside.run_key
  WHERE flow_runs.status IN ('running', 'paused')
)
SELECT run_id, pausing FROM inside JOIN flow_runs USING (run_key)
WHERE status = 'running' AND ending IS NULL ORDER BY depth DESC, run_key
