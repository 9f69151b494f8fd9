-- parameters: who asks. When the next job stalls unless it moves, but for those that another worker, which is there, is to
-- tell of; NULL = none.
SELECT min(moved_at + stall_after_us) FROM jobs
WHERE stall_after_us IS NOT NULL AND stalled_at IS NULL AND open > stuck + paused
  AND (stall_action ->> 'worker' IS NULL OR stall_action ->> 'worker' = ?1
    OR stall_action ->> 'worker' NOT IN (SELECT worker_id FROM workers))
