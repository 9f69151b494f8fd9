-- parameters: a subscription's name ('' = all). For people, in the order of ``channel_lists._Row``.
SELECT subscription_key, subscription_groups.name, subscriptions.name, pattern, start, ranges, settings, place, paused_at, reason,
  subscriptions.created_at,
  (
    SELECT count(*) FROM group_members
    WHERE group_members.group_key = subscriptions.group_key AND EXISTS (SELECT 1 FROM workers WHERE worker_id = worker)
  ),
  (
    SELECT count(*) FROM subscription_channels CROSS JOIN deliveries USING (cursor_key)
    WHERE subscription_channels.subscription_key = subscriptions.subscription_key
  ),
  (
    SELECT min(due_at) FROM subscription_channels CROSS JOIN deliveries USING (cursor_key)
    WHERE subscription_channels.subscription_key = subscriptions.subscription_key
  ),
  (
    SELECT count(*) FROM dead_letters
    WHERE dead_letters.subscription_key = subscriptions.subscription_key AND redriven_at IS NULL
  )
FROM subscriptions JOIN subscription_groups USING (group_key)
WHERE ?1 = '' OR subscriptions.name = ?1
ORDER BY subscriptions.name
