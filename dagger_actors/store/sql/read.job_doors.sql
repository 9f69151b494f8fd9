-- parameters: keys as a JSON array. Each one's key, id, and whether it takes no new tasks.
SELECT json_group_array(json_array(job_key, job_id, cancelled_at IS NOT NULL OR stopped_at IS NOT NULL))
FROM jobs
WHERE job_key IN (SELECT value FROM json_each(?))
