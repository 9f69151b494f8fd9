-- parameters: owner, now, ids as a JSON array. For work that is at most once: it is committed as running before it may begin.
UPDATE tasks
SET owner = ?1, epoch = epoch + 1, version = version + 1, updated_at = ?2, state = 'running', attempt = attempt + 1,
  started_at = ?2
WHERE task_key IN (SELECT value FROM json_each(?3))
