-- rows: run_key, node. A node that is told to run again awaits something new.
DELETE FROM awaits
WHERE (run_key, node) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))
