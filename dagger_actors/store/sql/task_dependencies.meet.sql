-- rows: task_key of tasks that have ended
UPDATE task_dependencies SET met = 1
WHERE on_key IN (SELECT value ->> 0 FROM jsonb_each(?)) AND met = 0
  AND (kind = 'end' OR (SELECT state FROM tasks WHERE task_key = on_key) IN ('completed', 'accepted'))
