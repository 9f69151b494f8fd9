-- rows: task_key, attempt, text, dropped_bytes
INSERT INTO task_logs (task_key, attempt, text, dropped_bytes)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO NOTHING
