-- parameters: group_key. One row: a JSON array of cursor_key, subscription, channel_key and channel of each.
SELECT json_group_array(json_array(cursor_key, subscriptions.name, channel_key, channels.name))
FROM subscriptions JOIN subscription_channels USING (subscription_key) JOIN channels USING (channel_key)
WHERE group_key = ?
