-- parameters: name, reason, now
UPDATE subscriptions SET paused_at = ?3, reason = ?2 WHERE name = ?1 AND paused_at IS NULL
