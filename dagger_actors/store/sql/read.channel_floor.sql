-- parameters: channel_key. Below it every subscription has done all; of a channel that nobody reads, its end.
--   What is all in order has one range: rows of others say nothing of its messages.
SELECT coalesce(min(iif(rows < ranges, min(start_offset, coalesce(lowest, start_offset)), lowest)),
  (SELECT next_offset FROM channels WHERE channel_key = ?1))
FROM (
  SELECT start_offset, ranges,
    (SELECT count(*) FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges) AS rows,
    (SELECT min(floor) FROM cursors WHERE cursors.cursor_key = subscription_channels.cursor_key AND range < ranges) AS lowest
  FROM subscription_channels JOIN subscriptions USING (subscription_key)
  WHERE channel_key = ?1
)
