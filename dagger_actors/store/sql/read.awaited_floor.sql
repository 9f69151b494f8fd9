-- parameters: channel_key. The lowest offset that a node of a running flow may take yet; NULL = none awaits a message of it.
SELECT min(since)
FROM channels
  CROSS JOIN awaits ON awaits.channel = channels.name AND answered_at IS NULL
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
  CROSS JOIN flow_runs USING (run_key)
WHERE channel_key = ? AND node_runs.state = 'waiting' AND flow_runs.status = 'running'
