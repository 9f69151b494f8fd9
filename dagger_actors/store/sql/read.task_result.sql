-- parameters: task_key
SELECT state, is_stuck, agent, result, result_artifact_id, kind, size_bytes
FROM tasks LEFT JOIN artifacts ON artifact_id = result_artifact_id
WHERE task_key = ?
