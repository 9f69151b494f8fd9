-- parameters: a task. What it has spawned: spawn_key, task_key, agent, payload, payload_artifact_id.
SELECT spawn_key, task_key, agent, payload, payload_artifact_id FROM tasks WHERE parent_key = ?
