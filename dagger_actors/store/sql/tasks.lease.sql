-- parameters: owner, now, ids as a JSON array. The state is not even named: an update that names it runs the triggers (9 us a task).
UPDATE tasks
SET owner = ?1, epoch = epoch + 1, version = version + 1, updated_at = ?2
WHERE task_key IN (SELECT value FROM json_each(?3))
