-- rows: run_key, run_id, root_run, parent_run, flow_name, definition_id, config, inputs, imports, created_at, owner,
--   forked_from
INSERT INTO flow_runs (run_key, run_id, root_run, parent_run, flow_name, definition_id, config, inputs, imports,
  created_at, owner, forked_from, status, epoch)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9, value ->> 10, value ->> 11, 'pending', 1
FROM jsonb_each(?)
