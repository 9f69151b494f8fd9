-- parameters: input_hash
SELECT c.output, c.output_artifact_id, a.kind, a.size_bytes, c.run_id, c.node_id, c.run_key, c.node, c.item, c.attempt,
  c.created_at
FROM cache_entries AS c LEFT JOIN artifacts AS a ON a.artifact_id = c.output_artifact_id
WHERE c.input_hash = ?
