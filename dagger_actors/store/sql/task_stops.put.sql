-- parameters: ids as a JSON array, of tasks that are about to be cancelled
INSERT OR IGNORE INTO task_stops (worker, task_key, epoch)
SELECT owner, task_key, epoch FROM tasks
WHERE task_key IN (SELECT value FROM json_each(?)) AND owner IS NOT NULL
