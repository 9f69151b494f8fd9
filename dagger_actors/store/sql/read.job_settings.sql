-- parameters: job_id
SELECT job_key, on_failure, stall_after_us, stall_action FROM jobs WHERE job_id = ?
