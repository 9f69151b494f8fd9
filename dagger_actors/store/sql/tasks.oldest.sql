-- parameters: agent, count, now, how many levels of priority to look at. As a JSON array, ids of the oldest task that is ready for
-- over a minute and of those that follow it in its level. The index is by priority, so each level is one step on it; a second
-- index by age would cost every task, this costs one claim of 16.
WITH RECURSIVE level (at, number) AS (
  SELECT (
    SELECT priority FROM tasks
    WHERE agent = ?1 AND state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0
    ORDER BY priority LIMIT 1
  ), 1
  UNION ALL
  SELECT (
    SELECT priority FROM tasks
    WHERE agent = ?1 AND state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0 AND priority > level.at
    ORDER BY priority LIMIT 1
  ), number + 1
  FROM level
  WHERE at IS NOT NULL AND number < ?4
), first (at, created_at) AS (
  SELECT at, (
    SELECT created_at FROM tasks
    WHERE agent = ?1 AND state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0 AND priority = level.at
    ORDER BY created_at LIMIT 1
  )
  FROM level
  WHERE at IS NOT NULL
)
SELECT json_group_array(task_key)
FROM (
  SELECT task_key FROM tasks
  WHERE agent = ?1 AND state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0
    AND priority = (SELECT at FROM first ORDER BY created_at LIMIT 1) AND created_at <= ?3 - 60000000
    AND (expires_at IS NULL OR expires_at > ?3 OR attempt > 0)
  ORDER BY created_at, task_key
  LIMIT ?2
)
