-- rows: run_key, run_id, root_run, parent_run, flow_name, definition_id, config, inputs, imports, created_at, owner
-- The run of a flow that is a node of another run. There is one for each node, or each item of it: when that is tried again, so is
-- the run, which then is pending and has begun before.
INSERT INTO flow_runs (run_key, run_id, root_run, parent_run, flow_name, definition_id, config, inputs, imports,
  created_at, owner, status, epoch)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9, value ->> 10, 'pending', 1
FROM jsonb_each(?)
WHERE true
ON CONFLICT (run_id) DO UPDATE
SET status = 'pending', owner = excluded.owner, epoch = flow_runs.epoch + 1, error = NULL, ending = NULL,
  finished_at = NULL, elapsed_us = iif(flow_runs.status = 'paused', flow_runs.elapsed_us, 0)
WHERE flow_runs.parent_run = excluded.parent_run AND flow_runs.definition_id = excluded.definition_id
  AND flow_runs.status IN ('paused', 'failed', 'cancelled', 'timed_out')
