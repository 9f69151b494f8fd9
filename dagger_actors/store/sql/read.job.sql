-- parameters: job_key. Its id, on_failure, and how many of its tasks have failed.
SELECT job_id, on_failure, failed FROM jobs WHERE job_key = ?
