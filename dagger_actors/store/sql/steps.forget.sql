-- rows: run_key, node. A node that is told to run again takes its steps again too.
DELETE FROM steps
WHERE (run_key, node) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))
