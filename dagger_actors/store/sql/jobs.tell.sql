-- rows: job_key, stall_action. Another process is told of its stalls from now on.
UPDATE jobs SET stall_action = new.value ->> 1
FROM json_each(?) AS new
WHERE job_key = new.value ->> 0
