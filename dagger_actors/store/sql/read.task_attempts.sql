-- parameters: task_key. What was no success, in order.
SELECT attempt, outcome, error, worker, started_at, finished_at FROM task_attempts WHERE task_key = ? ORDER BY attempt
