-- parameters: ids as a JSON array
DELETE FROM tasks WHERE task_key IN (SELECT value FROM json_each(?))
