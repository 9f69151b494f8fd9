-- parameters: a worker, names of agents as a JSON array. Its leases are about to be taken over: if it lives after all, it is told.
INSERT OR IGNORE INTO task_stops (worker, task_key, epoch)
SELECT owner, task_key, epoch FROM tasks
WHERE owner = ?1 AND +agent IN (SELECT value FROM json_each(?2)) AND EXISTS (SELECT 1 FROM workers WHERE worker_id = ?1)
