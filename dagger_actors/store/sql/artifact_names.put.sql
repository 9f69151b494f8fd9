-- rows: run_key, node, item, attempt, name, artifact_id
INSERT INTO artifact_names (run_key, node, item, attempt, name, artifact_id)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?)
