-- parameters: id, state, reason, now
UPDATE tasks SET state = ?2, reason = ?3, version = version + 1, updated_at = ?4 WHERE task_key = ?1
