-- parameters: a subscription's name ('' = all), how many at most. For people: what waits for another try.
SELECT subscriptions.name, channels.name, deliveries.offset, try_no, crash_no, due_at, error, deliveries.updated_at, type, payload
FROM deliveries
  CROSS JOIN subscription_channels USING (cursor_key)
  CROSS JOIN subscriptions USING (subscription_key)
  CROSS JOIN channels USING (channel_key)
  LEFT JOIN messages ON messages.channel_key = channels.channel_key AND messages.offset = deliveries.offset
WHERE ?1 = '' OR subscriptions.name = ?1
ORDER BY deliveries.cursor_key, deliveries.offset LIMIT ?2
