-- parameters: now, ids as a JSON array. What runs, and is about to be cancelled.
INSERT INTO task_attempts (task_key, attempt, outcome, worker, started_at, finished_at)
SELECT task_key, attempt, 'cancelled', owner, started_at, ?1 FROM tasks
WHERE task_key IN (SELECT value FROM json_each(?2)) AND state = 'running' AND owner IS NOT NULL
ON CONFLICT DO NOTHING
