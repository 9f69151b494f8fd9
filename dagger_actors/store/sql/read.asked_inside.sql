-- parameters: run_key, limit. The runs inside a run, at any depth, in which people are asked now what they have not answered.
WITH RECURSIVE inside (run_key, run_id) AS (
  SELECT run_key, run_id FROM flow_runs WHERE parent_run = ? AND status IN ('running', 'paused')
  UNION ALL
  SELECT flow_runs.run_key, flow_runs.run_id
  FROM inside JOIN flow_runs ON flow_runs.parent_run = inside.run_key
  WHERE flow_runs.status IN ('running', 'paused')
)
SELECT run_id FROM inside
WHERE EXISTS (
  SELECT 1 FROM awaits
    JOIN node_runs USING (run_key, node, item, attempt)
    LEFT JOIN answers USING (run_key, node, item, attempt)
  WHERE awaits.run_key = inside.run_key AND awaits.kind = 'human' AND node_runs.state = 'waiting' AND answers.run_key IS NULL
)
ORDER BY run_key LIMIT ?
