-- parameters: run_id
SELECT run_key, run_id, flow_name, definition_id, status, config, inputs, imports, error, created_at, started_at,
  finished_at, elapsed_us, owner, epoch, ending, pausing, forked_from, last_seq, root_run, parent_run, asks_until
FROM flow_runs WHERE run_id = ?
