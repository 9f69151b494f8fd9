-- rows: parent_key, spawn_key. Who they are: parent_key, spawn_key, task_key, agent, payload, payload_artifact_id.
SELECT json_group_array(json_array(parent_key, spawn_key, task_key, agent, payload, payload_artifact_id))
FROM jsonb_each(?) AS asked
  CROSS JOIN tasks ON parent_key = asked.value ->> 0 AND spawn_key = asked.value ->> 1
