-- parameters: now, how many at most. Ids as a JSON array.
SELECT json_group_array(task_key)
FROM (
  SELECT task_key FROM tasks
  WHERE expires_at IS NOT NULL AND expires_at <= ?1 AND state IN ('pending', 'blocked', 'ready') AND owner IS NULL
    AND attempt = 0
  ORDER BY expires_at LIMIT ?2
)
