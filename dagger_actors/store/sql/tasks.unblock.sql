-- rows: task_key and the time, of tasks that have ended
-- What depended on them alone is ready.
UPDATE tasks
SET state = 'ready', is_stuck = 0, reason = NULL, version = version + 1, updated_at = ended.now_us
FROM (
  SELECT task_dependencies.task_key AS task_key, max(ended.value ->> 1) AS now_us
  FROM jsonb_each(?) AS ended JOIN task_dependencies ON on_key = ended.value ->> 0
  GROUP BY task_dependencies.task_key
) AS ended
WHERE tasks.task_key = ended.task_key AND tasks.state = 'blocked'
  AND NOT EXISTS (SELECT 1 FROM task_dependencies WHERE task_dependencies.task_key = tasks.task_key AND met = 0)
