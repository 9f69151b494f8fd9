-- parameters: an id. As in ``read.dead_letters``, then payload and headers.
SELECT dead_letter_id, subscriptions.name, channel, offset, key, type, dead_letters.reason, tries, error, died_at, redriven_at, payload, headers
FROM dead_letters JOIN subscriptions USING (subscription_key)
WHERE dead_letter_id = ?
