-- parameters: now, keys as a JSON array
UPDATE jobs SET stalled_at = ?1 WHERE job_key IN (SELECT value FROM json_each(?2))
