-- parameters: task_key. One task, in the order of ``tasks.rows.TaskRow``.
SELECT tasks.task_key, agent, tasks.state, is_stuck, held, tasks.reason, error, priority, key, limit_key, job_id, parent_key, attempt,
  try_no, crash_no, try_count, version, payload, payload_artifact_id, result, result_artifact_id, result_artifacts.kind,
  result_artifacts.size_bytes, tasks.created_at, due_at, expires_at, tasks.started_at, finished_at, updated_at, owner, pid
FROM tasks
  LEFT JOIN jobs ON jobs.job_key = tasks.job_key
  LEFT JOIN artifacts AS result_artifacts ON artifact_id = result_artifact_id
  LEFT JOIN workers ON worker_id = owner
WHERE tasks.task_key = ?
