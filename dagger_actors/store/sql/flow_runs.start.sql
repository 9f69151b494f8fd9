-- rows: run_key, run_id, flow_name, definition_id, config, inputs, imports, created_at
INSERT INTO flow_runs (run_key, run_id, root_run, flow_name, definition_id, config, inputs, imports, created_at, status)
SELECT value ->> 0, value ->> 1, value ->> 0, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
  value ->> 7, 'pending'
FROM jsonb_each(?)
