-- parameters: job_id. In the order of ``tasks.rows.JobRow``.
SELECT job_key, job_id, state, reason, on_failure, stall_after_us, created_at, moved_at, stalled_at, total, open,
  (SELECT count(*) FROM tasks WHERE owner IS NOT NULL AND +tasks.job_key = job_states.job_key), paused, stuck, succeeded,
  failed, cancelled, rejected
FROM job_states WHERE job_id = ?
