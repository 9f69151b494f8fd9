-- parameters: the new owner, now, ids as a JSON array. A new epoch each.
UPDATE tasks
SET owner = ?1, epoch = epoch + 1, version = version + 1, updated_at = ?2
WHERE task_key IN (SELECT value FROM json_each(?3))
