-- parameters: now, ids as a JSON array. Those that are ready, nobody's, and wait for something (again).
UPDATE tasks
SET state = 'blocked', held = limit_key IS NOT NULL, version = version + 1, updated_at = ?1
WHERE task_key IN (SELECT value FROM json_each(?2)) AND state = 'ready' AND owner IS NULL
  AND EXISTS (SELECT 1 FROM task_dependencies WHERE task_dependencies.task_key = tasks.task_key AND met = 0)
