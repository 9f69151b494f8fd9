-- parameters: the worker that is gone, [id, epoch] each as a JSON array, the new owner, now. Answers nothing; a new epoch each.
UPDATE tasks
SET owner = ?3, epoch = epoch + 1, version = version + 1, updated_at = ?4
WHERE owner = ?1 AND (task_key, epoch) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))
