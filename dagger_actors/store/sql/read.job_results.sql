-- parameters: job_key, limit. Ids of its tasks that nobody spawned, in the order they were submitted.
SELECT task_key FROM tasks WHERE job_key = ? AND parent_key IS NULL ORDER BY task_key LIMIT ?
