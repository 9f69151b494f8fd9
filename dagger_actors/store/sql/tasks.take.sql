-- parameters: the worker that is gone, [id, epoch, attempt, started_at] of what had begun, each as a JSON array, names of agents
-- whose work is at most once as a JSON array, crashes that are too many, now, names of agents whose tasks are taken as a JSON array.
-- What runs by its row had begun, or may have: work that is at most once says so from its lease on, and is not begun again.
UPDATE tasks
SET owner = NULL, version = version + 1, updated_at = ?5,
  state = iif(has_begun AND (is_once OR crash_no + 1 >= ?4), 'paused', 'ready'),
  reason = iif(NOT has_begun, NULL, iif(is_once, 'interrupted', iif(crash_no + 1 >= ?4, 'poison', NULL))),
  crash_no = crash_no + has_begun,
  attempt = coalesce(taken.attempt, tasks.attempt),
  started_at = coalesce(taken.started_at, tasks.started_at)
FROM (
  SELECT task_key AS key, begun.value ->> 2 AS attempt, begun.value ->> 3 AS started_at,
    agent IN (SELECT value FROM json_each(?3)) AS is_once,
    begun.value IS NOT NULL OR state = 'running' AS has_begun
  FROM tasks AS theirs LEFT JOIN json_each(?2) AS begun
    ON begun.value ->> 0 = theirs.task_key AND begun.value ->> 1 = theirs.epoch
  WHERE theirs.owner = ?1 AND +theirs.agent IN (SELECT value FROM json_each(?6))
) AS taken
WHERE tasks.task_key = taken.key
