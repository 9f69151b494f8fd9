-- parameters: scope, key, now. Its value, version, expires_at.
SELECT value, version, expires_at FROM shared_state
WHERE scope = ?1 AND key = ?2 AND (expires_at IS NULL OR expires_at > ?3)
