-- rows: run_key. A run that rests because people are asked is to be looked at now: one has answered; with it the runs that it is
--   inside of, as far as they rest for that.
UPDATE flow_runs SET asks_until = min(asks_until, 0)
WHERE run_key IN (
  WITH RECURSIVE told (run_key) AS (
    SELECT value ->> 0 FROM jsonb_each(?)
    UNION
    SELECT inside.parent_run FROM told JOIN flow_runs AS inside USING (run_key) WHERE inside.parent_run IS NOT NULL
  )
  SELECT run_key FROM told
) AND asks_until IS NOT NULL
