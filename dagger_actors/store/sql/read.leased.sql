-- parameters: ids as a JSON array. One row, so that a thousand tasks are one step: a JSON array of arrays.
SELECT json_group_array(json_array(task_key, epoch, agent, priority, created_at, attempt, try_no, crash_no, payload,
  payload_artifact_id, try_count, job_key, parent_key, limit_key,
  EXISTS (SELECT 1 FROM tasks AS child WHERE child.parent_key = tasks.task_key), trace))
FROM tasks
WHERE task_key IN (SELECT value FROM json_each(?))
