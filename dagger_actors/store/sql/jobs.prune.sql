-- parameters: keys as a JSON array. Those that have no task any more.
DELETE FROM jobs
WHERE job_key IN (SELECT value FROM json_each(?)) AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.job_key = jobs.job_key)
