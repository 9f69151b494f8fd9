-- parameters: channel_key and message_id of each as a JSON array. Those that are there: their offset, or -1 of one that is
--   due later.
SELECT json_group_array(json_array(channel_key, message_id, offset))
FROM (
  SELECT messages.channel_key, messages.message_id, messages.offset
  FROM json_each(?1) AS asked
    CROSS JOIN messages ON messages.channel_key = asked.value ->> 0 AND messages.message_id = asked.value ->> 1
  UNION ALL
  SELECT delayed_messages.channel_key, delayed_messages.message_id, -1
  FROM json_each(?1) AS asked
    CROSS JOIN delayed_messages
      ON delayed_messages.channel_key = asked.value ->> 0 AND delayed_messages.message_id = asked.value ->> 1
)
