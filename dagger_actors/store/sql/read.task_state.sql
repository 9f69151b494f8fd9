-- parameters: task_key
SELECT state, is_stuck, version FROM tasks WHERE task_key = ?
