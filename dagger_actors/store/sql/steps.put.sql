-- rows: run_key, node, item, name, output, output_artifact_id, created_at, owner, epoch
-- The first result of a step stays; and whoever no longer owns the run stores none. Both make the count short.
INSERT INTO steps (run_key, node, item, name, output, output_artifact_id, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(?)
WHERE EXISTS (SELECT 1 FROM flow_runs WHERE run_key = value ->> 0 AND owner = value ->> 7 AND epoch = value ->> 8)
ON CONFLICT DO NOTHING
