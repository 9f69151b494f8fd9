-- parameters: now, id. A suspended task, all that it waits for having ended.
UPDATE tasks
SET state = 'ready', reason = NULL, version = version + 1, updated_at = ?1
WHERE task_key = ?2 AND state = 'blocked'
  AND NOT EXISTS (SELECT 1 FROM task_dependencies WHERE task_dependencies.task_key = tasks.task_key AND met = 0)
