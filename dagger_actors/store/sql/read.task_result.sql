-- parameters: task_key
SELECT state, result, result_artifact_id, error FROM tasks WHERE task_key = ?
