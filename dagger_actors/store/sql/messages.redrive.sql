-- parameters: ids of dead letters as a JSON array, now. Each on the private channel of its group, for its subscription.
INSERT INTO messages (channel_key, offset, type, payload, published_at, key, headers, target)
SELECT channels.channel_key,
  next_offset - 1 + row_number() OVER (PARTITION BY channels.channel_key ORDER BY dead_letter_id), dead_letters.type, payload, ?2,
  nullif(dead_letters.key, ''), headers, subscriptions.name
FROM json_each(?1) AS asked
  CROSS JOIN dead_letters ON dead_letter_id = asked.value
  CROSS JOIN subscriptions USING (subscription_key)
  CROSS JOIN subscription_groups USING (group_key)
  CROSS JOIN channels ON channels.name = '@' || subscription_groups.name
