-- parameters: task_key
SELECT count(*) FROM tasks WHERE parent_key = ?
