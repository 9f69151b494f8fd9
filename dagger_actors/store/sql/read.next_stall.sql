-- When the next job stalls unless it moves; NULL = none.
SELECT min(moved_at + stall_after_us) FROM jobs
WHERE stall_after_us IS NOT NULL AND stalled_at IS NULL AND open > stuck + paused
