-- parameters: limit. The runs in which people are asked now what they have not answered, those inside others among them.
SELECT run_id FROM flow_runs
WHERE status IN ('running', 'paused') AND EXISTS (
  SELECT 1 FROM awaits
    JOIN node_runs USING (run_key, node, item, attempt)
    LEFT JOIN answers USING (run_key, node, item, attempt)
  WHERE awaits.run_key = flow_runs.run_key AND awaits.kind = 'human' AND node_runs.state = 'waiting' AND answers.run_key IS NULL
)
ORDER BY run_key LIMIT ?
