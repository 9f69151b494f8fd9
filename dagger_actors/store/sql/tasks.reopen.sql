-- parameters: now, ids as a JSON array. With fresh tries; the last error stays to be seen until it succeeds.
UPDATE tasks
SET state = iif(EXISTS (SELECT 1 FROM task_dependencies WHERE task_dependencies.task_key = tasks.task_key AND met = 0),
    'blocked', 'ready'),
  try_no = 1, crash_no = 0, held = limit_key IS NOT NULL, due_at = NULL, finished_at = NULL, reason = NULL, result = NULL,
  result_artifact_id = NULL, expires_at = iif(expires_at <= ?1, NULL, expires_at), version = version + 1, updated_at = ?1
WHERE task_key IN (SELECT value FROM json_each(?2))
