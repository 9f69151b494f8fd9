-- parameters: before, how many to look at, after. The last id that was looked at (NULL = there was none), how many were, and as
-- a JSON array the ids of those that may go.
SELECT max(task_key), count(*), json_group_array(task_key) FILTER (
  WHERE state IN ('completed', 'failed', 'cancelled', 'accepted', 'rejected') AND finished_at < ?1
    AND NOT EXISTS (
      SELECT 1 FROM task_dependencies JOIN tasks AS waiting ON waiting.task_key = task_dependencies.task_key
      WHERE on_key = old.task_key
        AND (met = 0 OR waiting.state IN ('pending', 'blocked', 'ready', 'running', 'paused'))
    )
    AND NOT EXISTS (
      SELECT 1 FROM tasks AS parent
      WHERE parent.task_key = old.parent_key
        AND parent.state IN ('pending', 'blocked', 'ready', 'running', 'paused')
    )
)
FROM (SELECT task_key, state, finished_at, parent_key FROM tasks WHERE task_key > ?3 ORDER BY task_key LIMIT ?2) AS old
