-- rows: task_key, attempt, outcome, error, worker, started_at, finished_at
INSERT INTO task_attempts (task_key, attempt, outcome, error, worker, started_at, finished_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO NOTHING
