-- rows: run_key. What was skipped without an attempt has no history to keep once its run is tried again.
DELETE FROM node_runs
WHERE run_key IN (SELECT value ->> 0 FROM jsonb_each(?)) AND attempt = 0
