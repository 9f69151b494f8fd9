-- parameters: agent, count, now. The tasks to be leased next, as a JSON array of their ids.
-- What has begun before it expired goes on: nobody cancels it any more.
SELECT json_group_array(task_key)
FROM (
  SELECT task_key FROM tasks
  WHERE agent = ?1 AND state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0
    AND (expires_at IS NULL OR expires_at > ?3 OR attempt > 0)
  ORDER BY priority DESC, created_at, task_key
  LIMIT ?2
)
