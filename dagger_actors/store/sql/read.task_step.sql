-- parameters: task_key, name
SELECT output, output_artifact_id, kind, size_bytes
FROM task_steps LEFT JOIN artifacts ON artifact_id = output_artifact_id
WHERE task_key = ? AND name = ?
