-- parameters: messages as a JSON array of rows: channel_key, due_at, type, payload, key, headers, source, source_key,
--   message_id, target
INSERT INTO delayed_messages (channel_key, due_at, type, payload, key, headers, source, source_key, message_id, target)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
  value ->> 9
FROM jsonb_each(?)
