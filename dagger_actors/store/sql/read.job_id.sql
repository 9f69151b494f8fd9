-- parameters: job_key
SELECT job_id FROM jobs WHERE job_key = ?
