-- parameters: as of tasks.take, which is to follow: the worker that is gone, what had begun, names of agents whose tasks are taken, now
INSERT INTO task_attempts (task_key, attempt, outcome, worker, started_at, finished_at)
SELECT task_key, coalesce(begun.value ->> 2, attempt), 'interrupted', ?1, coalesce(begun.value ->> 3, started_at), ?4
FROM tasks AS theirs LEFT JOIN json_each(?2) AS begun
  ON begun.value ->> 0 = theirs.task_key AND begun.value ->> 1 = theirs.epoch
WHERE theirs.owner = ?1 AND +theirs.agent IN (SELECT value FROM json_each(?3))
  AND (begun.value IS NOT NULL OR state = 'running')
ON CONFLICT DO NOTHING
