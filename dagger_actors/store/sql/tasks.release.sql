-- parameters: owner, now, [id, epoch] each as a JSON array
-- The attempt of work that is at most once was counted with its lease.
UPDATE tasks
SET owner = NULL, version = version + 1, updated_at = ?2, attempt = attempt - (state = 'running'), state = 'ready'
WHERE owner = ?1 AND (task_key, epoch) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?3))
