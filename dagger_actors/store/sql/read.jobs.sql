-- parameters: states as a JSON array (empty = any), created_at from, limit. The newest, in the order of ``tasks.rows.JobRow``.
SELECT job_key, job_id, state, reason, on_failure, stall_after_us, created_at, moved_at, stalled_at, total, open,
  (SELECT count(*) FROM tasks WHERE owner IS NOT NULL AND +tasks.job_key = job_states.job_key), paused, stuck, succeeded,
  failed, cancelled, rejected
FROM job_states
WHERE (?1 = '[]' OR state IN (SELECT value FROM json_each(?1))) AND created_at >= ?2
ORDER BY job_key DESC LIMIT ?3
