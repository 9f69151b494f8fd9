-- parameters: cursor_keys as a JSON array. The lowest offset of each that is not done.
SELECT json_group_array(json_array(cursor_key, iif(rows < ranges, min(start_offset, coalesce(lowest, start_offset)), lowest)))
FROM (
  SELECT cursor_key, start_offset, ranges,
    (SELECT count(*) FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges) AS rows,
    (SELECT min(floor) FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges) AS lowest
  FROM json_each(?) AS asked
    CROSS JOIN subscription_channels ON cursor_key = asked.value
    JOIN subscriptions USING (subscription_key)
)
