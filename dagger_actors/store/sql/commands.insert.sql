-- rows: run_key, verb, created_at
INSERT INTO commands (run_key, verb, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)
