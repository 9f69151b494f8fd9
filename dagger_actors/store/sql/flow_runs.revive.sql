-- rows: run_id, parent_run, mark. The run of a flow inside another, which has paused, goes on with the run above it.
UPDATE flow_runs SET asks_until = told.value ->> 2
FROM jsonb_each(?) AS told
WHERE flow_runs.run_id = told.value ->> 0 AND flow_runs.parent_run = told.value ->> 1 AND status = 'paused'
