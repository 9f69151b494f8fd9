-- parameters: job_key. Ids as a JSON array.
SELECT json_group_array(task_key) FROM tasks
WHERE job_key = ? AND state IN ('pending', 'blocked', 'ready', 'running', 'paused')
