-- rows: run_key, when it is to be looked at. A run comes to rest because people are asked; one that has been answered
--   meanwhile is to be looked at now.
UPDATE flow_runs
SET asks_until = iif(
  EXISTS (
    SELECT 1 FROM answers JOIN awaits USING (run_key, node, item, attempt)
    WHERE answers.run_key = flow_runs.run_key AND awaits.answered_at IS NULL
  ),
  0, told.value ->> 1
)
FROM jsonb_each(?) AS told
WHERE flow_runs.run_key = told.value ->> 0
