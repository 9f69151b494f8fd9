-- parameters: ids as a JSON array. Others take their keys.
UPDATE tasks SET key = NULL, version = version + 1 WHERE task_key IN (SELECT value FROM json_each(?))
