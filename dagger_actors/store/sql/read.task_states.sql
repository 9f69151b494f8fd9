-- parameters: ids as a JSON array. Each one's id, state, is_stuck, version, owner, epoch, whether it waits for its time.
SELECT json_group_array(json_array(task_key, state, is_stuck, version, owner, epoch, due_at IS NOT NULL))
FROM tasks
WHERE task_key IN (SELECT value FROM json_each(?))
