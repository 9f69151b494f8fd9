-- parameters: ids as a JSON array, of tasks that are about to be open again. What they depend on may have been rejected, or opened
-- again, since they ended; what is no longer stored, was what they needed.
UPDATE task_dependencies
SET met = on_key NOT IN (SELECT value FROM json_each(?1)) AND (
  SELECT state IN ('completed', 'accepted') OR (kind = 'end' AND state IN ('failed', 'cancelled', 'rejected'))
  FROM tasks WHERE tasks.task_key = on_key
)
WHERE task_key IN (SELECT value FROM json_each(?1)) AND EXISTS (SELECT 1 FROM tasks WHERE tasks.task_key = on_key)
