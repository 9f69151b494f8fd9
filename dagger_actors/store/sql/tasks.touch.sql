-- parameters: now, id
UPDATE tasks SET version = version + 1, updated_at = ?1 WHERE task_key = ?2
