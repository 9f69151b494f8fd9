-- rows: task_key, agent, state, priority, payload, payload_artifact_id, job_key, limit_key, due_at, expires_at, try_count,
--   created_at, key, parent_key, spawn_key, trace
INSERT INTO tasks (task_key, agent, state, priority, payload, payload_artifact_id, job_key, limit_key, held, due_at,
  expires_at, try_count, created_at, updated_at, key, parent_key, spawn_key, trace)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 7 IS NOT NULL, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 11, value ->> 12,
  value ->> 13, value ->> 14, value ->> 15
FROM jsonb_each(?)
