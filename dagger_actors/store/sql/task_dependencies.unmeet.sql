-- parameters: ids as a JSON array, of tasks that are open again. What has not gone on meanwhile waits for their end once more.
UPDATE task_dependencies SET met = 0
WHERE on_key IN (SELECT value FROM json_each(?)) AND met = 1
  AND (SELECT state FROM tasks WHERE tasks.task_key = task_dependencies.task_key) IN ('pending', 'blocked')
