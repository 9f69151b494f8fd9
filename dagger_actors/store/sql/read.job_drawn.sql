-- parameters: job_key, limit. Ids of the tasks that a picture of a job has: what needs a look, what runs, then the first ones.
SELECT task_key FROM tasks WHERE job_key = ?
ORDER BY
  CASE WHEN state IN ('failed', 'rejected', 'paused') OR is_stuck THEN 0 WHEN owner IS NOT NULL THEN 1 ELSE 2 END, task_key
LIMIT ?
