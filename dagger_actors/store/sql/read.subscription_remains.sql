-- parameters: subscription_key, its name, group_key, channel_key of the private one, and below which offset all of that is done.
-- What goes with it, as a JSON array: dead letters, timers and delayed messages, what waits on the private channel,
-- subscriptions of its group, states of that.
SELECT json_array(
  (SELECT count(*) FROM dead_letters WHERE subscription_key = ?1 AND redriven_at IS NULL),
  (SELECT count(*) FROM delayed_messages WHERE channel_key = ?4 AND target = ?2),
  (SELECT count(*) FROM messages WHERE channel_key = ?4 AND target = ?2 AND offset >= ?5),
  (SELECT count(*) FROM subscriptions WHERE group_key = ?3),
  (SELECT count(*) FROM subscriber_states WHERE group_key = ?3)
)
