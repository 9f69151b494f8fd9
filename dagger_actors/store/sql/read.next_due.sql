-- When the next task is due, or expires; NULL = never.
SELECT min(at) FROM (
  SELECT min(due_at) AS at FROM tasks WHERE due_at IS NOT NULL
  UNION ALL
  SELECT min(expires_at) FROM tasks
  WHERE expires_at IS NOT NULL AND state IN ('pending', 'blocked', 'ready') AND owner IS NULL AND attempt = 0
)
