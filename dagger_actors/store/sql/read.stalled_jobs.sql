-- parameters: now, how many at most. Each one's key, id, open tasks, moved_at, stall_action.
SELECT json_group_array(json_array(job_key, job_id, open, moved_at, stall_action))
FROM (
  SELECT * FROM jobs
  WHERE stall_after_us IS NOT NULL AND stalled_at IS NULL AND open > stuck + paused AND moved_at + stall_after_us <= ?1
  ORDER BY moved_at + stall_after_us LIMIT ?2
)
