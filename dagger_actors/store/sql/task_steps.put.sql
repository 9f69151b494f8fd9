-- rows: task_key, owner, epoch, name, output, output_artifact_id, created_at
-- The fence: of a task that was taken over nothing is stored.
INSERT INTO task_steps (task_key, name, output, output_artifact_id, created_at)
SELECT value ->> 0, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM jsonb_each(?)
WHERE EXISTS (SELECT 1 FROM tasks WHERE task_key = value ->> 0 AND owner = value ->> 1 AND epoch = value ->> 2)
