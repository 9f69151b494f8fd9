-- rows: input_hash, parts, flow_name, run_id, node_id, invocation_key, run_key, node, item, attempt, output,
--   output_artifact_id, created_at. The newest computation of one key is the one that is kept.
INSERT INTO cache_entries (input_hash, parts, flow_name, run_id, node_id, invocation_key, run_key, node, item, attempt,
  output, output_artifact_id, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET parts = excluded.parts, flow_name = excluded.flow_name, run_id = excluded.run_id, node_id = excluded.node_id,
  invocation_key = excluded.invocation_key, run_key = excluded.run_key, node = excluded.node, item = excluded.item,
  attempt = excluded.attempt, output = excluded.output, output_artifact_id = excluded.output_artifact_id,
  created_at = excluded.created_at
