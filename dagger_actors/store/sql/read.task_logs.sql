-- parameters: task_key
SELECT attempt, text, dropped_bytes FROM task_logs WHERE task_key = ? ORDER BY attempt
