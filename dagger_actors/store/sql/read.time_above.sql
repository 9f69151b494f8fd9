-- parameters: run_key. The timeout_seconds of the nearest of the runs that a run is inside of that has some; no row = none has.
WITH RECURSIVE above (run_key, depth) AS (
  SELECT parent_run, 1 FROM flow_runs WHERE run_key = ? AND parent_run IS NOT NULL
  UNION ALL
  SELECT inside.parent_run, depth + 1 FROM above JOIN flow_runs AS inside USING (run_key) WHERE inside.parent_run IS NOT NULL
)
SELECT config ->> 'timeout_seconds' FROM above JOIN flow_runs USING (run_key)
WHERE config ->> 'timeout_seconds' IS NOT NULL ORDER BY depth LIMIT 1
