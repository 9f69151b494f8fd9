-- parameters: run_key
SELECT n.node_id, n.invocation_key, l.attempt, n.state, l.text, l.dropped_bytes
FROM attempt_logs AS l JOIN node_runs AS n USING (run_key, node, item, attempt)
WHERE l.run_key = ? ORDER BY l.node, l.item, l.attempt
