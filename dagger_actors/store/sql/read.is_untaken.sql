-- parameters: run_key, node, item, attempt. Whether a person has answered there, and the run has not taken it and still may.
SELECT EXISTS (
  SELECT 1 FROM answers JOIN awaits USING (run_key, node, item, attempt) JOIN node_runs USING (run_key, node, item, attempt)
  WHERE run_key = ? AND node = ? AND item = ? AND attempt = ? AND awaits.answered_at IS NULL AND node_runs.state = 'waiting'
)
