-- parameters: a subscription's name ('' = any), whether redriven ones too, how many at most, the id to begin below (0 = the last).
--   For people, the last ones first.
SELECT dead_letter_id, subscriptions.name, channel, offset, key, type, dead_letters.reason, tries, error, died_at, redriven_at
FROM dead_letters CROSS JOIN subscriptions USING (subscription_key)
WHERE (?1 = '' OR subscriptions.name = ?1) AND (?2 OR redriven_at IS NULL) AND (?4 = 0 OR dead_letter_id < ?4)
ORDER BY dead_letter_id DESC LIMIT ?3
