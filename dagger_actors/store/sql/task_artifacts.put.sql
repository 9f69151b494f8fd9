-- rows: task_key, name, artifact_id
INSERT INTO task_artifacts (task_key, name, artifact_id)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE SET artifact_id = excluded.artifact_id
