-- rows: job_key, job_id, on_failure, stall_after_us, stall_action, created_at
INSERT INTO jobs (job_key, job_id, on_failure, stall_after_us, stall_action, created_at, moved_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 5
FROM json_each(?)
