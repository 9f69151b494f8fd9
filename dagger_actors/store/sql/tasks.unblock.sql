-- rows: task_key and the time, of tasks that have ended
-- What depended on them alone is ready.
UPDATE tasks
SET state = 'ready', is_stuck = 0, reason = NULL, version = version + 1,
  updated_at = (SELECT max(value ->> 1) FROM jsonb_each(?1))
WHERE task_key IN (
    SELECT task_dependencies.task_key
    FROM jsonb_each(?1) AS ended CROSS JOIN task_dependencies ON on_key = ended.value ->> 0
  )
  AND state = 'blocked'
  AND NOT EXISTS (SELECT 1 FROM task_dependencies WHERE task_dependencies.task_key = tasks.task_key AND met = 0)
