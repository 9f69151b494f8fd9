-- parameters: before, how many at most. Those that have no task, and in which nothing has moved since.
DELETE FROM jobs
WHERE job_key IN (
  SELECT job_key FROM jobs
  WHERE moved_at < ?1 AND open = 0 AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.job_key = jobs.job_key)
  LIMIT ?2
)
