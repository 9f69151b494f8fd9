-- parameters: ids of delayed messages as a JSON array, now. In the order of their times.
INSERT INTO messages (channel_key, offset, type, payload, published_at, message_id, key, headers, source, source_key, target)
SELECT channel_key, next_offset - 1 + row_number() OVER (PARTITION BY channel_key ORDER BY asked.key), delayed_messages.type, payload, ?2,
  message_id, delayed_messages.key, headers, source, source_key, target
FROM json_each(?1) AS asked
  CROSS JOIN delayed_messages ON delayed_key = asked.value
  CROSS JOIN channels USING (channel_key)
