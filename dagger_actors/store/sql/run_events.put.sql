-- rows: run_key, seq, kind, node_id, name, data, at
INSERT INTO run_events (run_key, seq, kind, node_id, name, data, at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(?)
