-- parameters: subscription_keys as a JSON array
SELECT json_group_array(json_array(cursor_key, subscription_key, channel_key, channels.name, start_offset, next_offset,
  first_offset))
FROM json_each(?) AS asked
  CROSS JOIN subscription_channels ON subscription_key = asked.value
  JOIN channels USING (channel_key)
