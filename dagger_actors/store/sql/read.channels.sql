-- parameters: a channel's name ('' = all), how many at most, the name to begin behind. For people; groups' own ones are left out.
SELECT name, types, capacity, overflow, retain_age_us, retain_count, retain_bytes, first_offset, next_offset, bytes, delayed,
  coalesce((
    SELECT min(iif(rows < ranges, min(start_offset, coalesce(lowest, start_offset)), lowest))
    FROM (
      SELECT start_offset, ranges,
        (SELECT count(*) FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges) AS rows,
        (SELECT min(floor) FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges) AS lowest
      FROM subscription_channels JOIN subscriptions USING (subscription_key)
      WHERE subscription_channels.channel_key = channels.channel_key
    )
  ), next_offset) AS floor,
  (SELECT count(*) FROM subscription_channels WHERE subscription_channels.channel_key = channels.channel_key) AS readers,
  created_at, updated_at
FROM channels
WHERE name > ?3 AND name NOT LIKE '@%' AND (?1 = '' OR name = ?1)
ORDER BY name LIMIT ?2
