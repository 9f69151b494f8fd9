-- parameters: limit. What people are asked now and have not answered, in all runs, those inside others among them: from those
--   that are open, which are few beside those that have ended; a pending one asks nothing.
SELECT flow_runs.run_id, definition_id, awaits.node, added_nodes.body, node_runs.started_at, node_runs.due_at
FROM flow_runs INDEXED BY flow_runs_open
  CROSS JOIN awaits USING (run_key)
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
  LEFT JOIN answers USING (run_key, node, item, attempt)
  LEFT JOIN added_nodes USING (run_key, node)
WHERE status IN ('pending', 'running', 'paused')
  AND awaits.kind = 'human' AND node_runs.state = 'waiting' AND answers.run_key IS NULL
ORDER BY flow_runs.run_key, awaits.node LIMIT ?
