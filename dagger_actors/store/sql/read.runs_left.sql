-- Runs of flows that are not over, and that no attempt of the run above them awaits any more, with their owners.
SELECT inner_run.run_id, inner_run.owner
FROM flow_runs AS inner_run
WHERE inner_run.status IN ('pending', 'running', 'paused') AND inner_run.parent_run IS NOT NULL
  AND NOT EXISTS (
    SELECT 1
    FROM flow_runs AS outer_run
      JOIN node_runs ON node_runs.run_key = outer_run.run_key AND node_runs.state = 'waiting' AND node_runs.reason = 'flow'
      JOIN awaits USING (run_key, node, item, attempt)
    WHERE outer_run.run_key = inner_run.parent_run AND outer_run.status IN ('pending', 'running', 'paused')
      AND awaits.wanted ->> 'run' = inner_run.run_id
  )
ORDER BY inner_run.run_key
