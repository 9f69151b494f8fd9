-- parameters: job_key. How many of its tasks are in which state.
SELECT iif(is_stuck, 'stuck', state), count(*) FROM tasks WHERE job_key = ? GROUP BY 1
