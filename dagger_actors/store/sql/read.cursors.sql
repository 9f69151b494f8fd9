-- parameters: group_key, ranges as a JSON array. One row: a JSON array of cursor_key, subscription, channel, start_offset
--   and its ranges that have begun: range, floor and gaps of each.
SELECT json_group_array(json_array(cursor_key, subscriptions.name, channels.name, start_offset, json((
  SELECT json_group_array(json_array(range, floor, json(gaps)))
  FROM json_each(?2) AS asked
    CROSS JOIN cursors ON cursors.cursor_key = subscription_channels.cursor_key AND cursors.range = asked.value
))))
FROM subscriptions
  JOIN subscription_channels USING (subscription_key)
  JOIN channels USING (channel_key)
WHERE subscriptions.group_key = ?1
