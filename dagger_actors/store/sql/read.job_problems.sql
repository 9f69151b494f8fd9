-- parameters: job_key, limit. Ids of its tasks that need a look, the first ones submitted.
SELECT task_key FROM tasks
WHERE job_key = ? AND (is_stuck OR state IN ('failed', 'rejected', 'paused'))
ORDER BY task_key LIMIT ?
