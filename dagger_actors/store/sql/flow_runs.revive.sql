-- rows: run_id, parent_run, mark. The run of a flow inside another, which has paused, goes on with the run above it; for a resume (-1)
--   only where it, or a run inside it, rests for something else than people who are asked. One that waits for its turn to be
--   tried again (-2) is tried again, also when a pause that came meanwhile is called off.
UPDATE flow_runs SET asks_until = min(told.value ->> 2, ifnull(asks_until, 0))
FROM jsonb_each(?) AS told
WHERE flow_runs.run_id = told.value ->> 0 AND flow_runs.parent_run = told.value ->> 1 AND status = 'paused'
  AND (flow_runs.asks_until IS NULL OR told.value ->> 2 <> -1 OR EXISTS (
    WITH RECURSIVE inside (run_key, asks_until) AS (
      SELECT flow_runs.run_key, 0
      UNION
      SELECT below.run_key, below.asks_until
      FROM inside JOIN flow_runs AS below ON below.parent_run = inside.run_key
      WHERE below.status = 'paused'
    )
    SELECT 1 FROM inside WHERE asks_until IS NULL
  ))
