-- parameters: run_key, key, value, updated_at
INSERT INTO run_values (run_key, key, value, updated_at) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at
