-- rows: run_key, node, item, attempt, text, dropped_bytes
INSERT INTO attempt_logs (run_key, node, item, attempt, text, dropped_bytes)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE SET text = excluded.text, dropped_bytes = excluded.dropped_bytes
