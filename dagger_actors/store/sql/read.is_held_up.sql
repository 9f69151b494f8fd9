-- parameters: run_key. Whether a run goes on with no answer: it, or one that it is inside of, is paused for something else, or over.
WITH RECURSIVE above (run_key, is_own) AS (
  SELECT ?, 1
  UNION ALL
  SELECT inside.parent_run, 0 FROM above JOIN flow_runs AS inside USING (run_key) WHERE inside.parent_run IS NOT NULL
)
SELECT EXISTS (
  SELECT 1 FROM above JOIN flow_runs USING (run_key)
  WHERE (status = 'paused' AND asks_until IS NULL) OR (pausing AND NOT is_own)
    OR status NOT IN ('pending', 'running', 'paused')
)
