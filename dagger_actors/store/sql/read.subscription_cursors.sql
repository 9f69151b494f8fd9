-- parameters: a subscription's name ('' = all). One row: a JSON array of subscription_key, channel, start_offset, next_offset,
--   ranges, the channel's capacity, and floor and gaps of each range that has begun, of each subscription on each channel.
SELECT json_group_array(json_array(subscription_key, channels.name, start_offset, next_offset, ranges, capacity, json((
  SELECT json_group_array(json_array(cursors.floor, json(gaps)))
  FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges
))))
FROM subscriptions JOIN subscription_channels USING (subscription_key) JOIN channels USING (channel_key)
WHERE ?1 = '' OR subscriptions.name = ?1
