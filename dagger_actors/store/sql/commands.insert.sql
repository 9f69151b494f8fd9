-- rows: run_key, verb, node (null = the run), created_at. Only a run that somebody runs can be told anything.
INSERT INTO commands (run_key, verb, node, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?)
WHERE EXISTS (SELECT 1 FROM flow_runs WHERE run_key = value ->> 0 AND owner IS NOT NULL)
