-- rows: run_key, when it is to be looked at. A run comes to rest because people are asked; one that has been answered
--   meanwhile, or that a run inside it has been, is to be looked at now.
UPDATE flow_runs
SET asks_until = iif(
  EXISTS (
    SELECT 1
    FROM answers JOIN awaits USING (run_key, node, item, attempt) JOIN node_runs USING (run_key, node, item, attempt)
    WHERE answers.run_key = flow_runs.run_key AND answers.taken = 0 AND awaits.answered_at IS NULL
      AND node_runs.state = 'waiting'
  ) OR EXISTS (SELECT 1 FROM flow_runs AS inside WHERE inside.parent_run = flow_runs.run_key AND inside.asks_until = 0),
  0, told.value ->> 1
)
FROM jsonb_each(?) AS told
WHERE flow_runs.run_key = told.value ->> 0
