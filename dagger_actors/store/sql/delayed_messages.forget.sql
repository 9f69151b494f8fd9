-- parameters: channel_key, a subscription's name: those for it; null = all of the channel's
DELETE FROM delayed_messages WHERE channel_key = ?1 AND (?2 IS NULL OR target = ?2)
