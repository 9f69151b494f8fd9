-- rows: cursor_key, offset, key, reason, tries, error, died_at. The message is copied.
INSERT INTO dead_letters (subscription_key, channel, offset, key, type, payload, headers, reason, tries, error, died_at)
SELECT subscription_key, channels.name, messages.offset, value ->> 2, messages.type, payload, headers, value ->> 3, value ->> 4,
  value ->> 5, value ->> 6
FROM jsonb_each(?)
  CROSS JOIN subscription_channels ON cursor_key = value ->> 0
  CROSS JOIN channels USING (channel_key)
  CROSS JOIN messages ON messages.channel_key = channels.channel_key AND messages.offset = value ->> 1
