-- parameters: name
UPDATE subscriptions SET paused_at = NULL, reason = NULL WHERE name = ? AND paused_at IS NOT NULL
