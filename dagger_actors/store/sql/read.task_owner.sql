-- parameters: task_key
SELECT owner, epoch FROM tasks WHERE task_key = ?
