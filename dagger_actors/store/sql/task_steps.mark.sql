-- rows: task_key, name, output, created_at. Of a task whose own row is in the same unit, and fences it.
INSERT INTO task_steps (task_key, name, output, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE SET output = excluded.output, created_at = excluded.created_at
