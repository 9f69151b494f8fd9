-- parameters: ids as a JSON array. Keys of their jobs, as a JSON array.
SELECT json_group_array(DISTINCT job_key) FROM tasks
WHERE task_key IN (SELECT value FROM json_each(?)) AND job_key IS NOT NULL
