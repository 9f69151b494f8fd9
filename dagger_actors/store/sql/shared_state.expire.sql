-- parameters: now, how many at most
DELETE FROM shared_state
WHERE (scope, key) IN (
  SELECT scope, key FROM shared_state WHERE expires_at IS NOT NULL AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2
)
