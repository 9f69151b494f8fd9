-- parameters: run_key, limit. What people are asked now and have not answered in a run, and then in those inside it, at any depth.
WITH RECURSIVE inside (run_key, is_inside) AS (
  SELECT ?1, 0
  UNION ALL
  SELECT flow_runs.run_key, 1
  FROM inside JOIN flow_runs ON flow_runs.parent_run = inside.run_key
  WHERE flow_runs.status IN ('running', 'paused')
)
SELECT flow_runs.run_id, definition_id, awaits.node, added_nodes.body, node_runs.started_at, node_runs.due_at
FROM inside
  CROSS JOIN flow_runs USING (run_key)
  CROSS JOIN awaits USING (run_key)
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
  LEFT JOIN answers USING (run_key, node, item, attempt)
  LEFT JOIN added_nodes USING (run_key, node)
WHERE awaits.kind = 'human' AND node_runs.state = 'waiting' AND answers.run_key IS NULL
ORDER BY is_inside, inside.run_key, awaits.node LIMIT ?2
