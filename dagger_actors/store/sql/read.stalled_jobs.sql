-- parameters: now, how many at most, who asks. Each one's key, id, open tasks, moved_at, stall_action; but those that another
-- worker, which is there, is to tell of.
SELECT json_group_array(json_array(job_key, job_id, open, moved_at, stall_action))
FROM (
  SELECT * FROM jobs
  WHERE stall_after_us IS NOT NULL AND stalled_at IS NULL AND open > stuck + paused AND moved_at + stall_after_us <= ?1
    AND (stall_action ->> 'worker' IS NULL OR stall_action ->> 'worker' = ?3
    OR stall_action ->> 'worker' NOT IN (SELECT worker_id FROM workers))
  ORDER BY moved_at + stall_after_us LIMIT ?2
)
