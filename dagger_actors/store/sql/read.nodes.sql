-- parameters: run_key
SELECT n.node, n.item, n.attempt, n.node_id, n.invocation_key, n.state, n.try_no, n.crash_no, n.output,
  n.output_artifact_id, a.kind, a.size_bytes, n.size, n.reason, n.error, n.due_at, n.started_at, n.finished_at
FROM node_runs AS n LEFT JOIN artifacts AS a ON a.artifact_id = n.output_artifact_id
WHERE n.run_key = ? ORDER BY n.node, n.item, n.attempt
