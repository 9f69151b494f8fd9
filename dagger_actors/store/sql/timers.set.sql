-- parameters: rows as a JSON array: channel_key, due_at, group_key, key, name, type, payload, key of the message, headers,
--   source, source_key, target
INSERT INTO delayed_messages (channel_key, due_at, timer_group, timer_key, timer_name, type, payload, key, headers, source,
  source_key, target)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
  value ->> 9, value ->> 10, value ->> 11
FROM jsonb_each(?)
WHERE true
ON CONFLICT (timer_group, timer_key, timer_name) WHERE timer_name IS NOT NULL DO UPDATE
SET channel_key = excluded.channel_key, due_at = excluded.due_at, type = excluded.type, payload = excluded.payload,
  key = excluded.key, headers = excluded.headers, source = excluded.source, source_key = excluded.source_key,
  target = excluded.target
