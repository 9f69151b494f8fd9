-- parameters: ids of tasks, as a JSON array, that are open again
UPDATE jobs SET cancelled_at = NULL, stopped_at = NULL, reason = NULL
WHERE job_key IN (SELECT job_key FROM tasks WHERE task_key IN (SELECT value FROM json_each(?)) AND job_key IS NOT NULL)
  AND (cancelled_at IS NOT NULL OR stopped_at IS NOT NULL)
