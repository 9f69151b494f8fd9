-- parameters: how many at most. Ids of those that are not redriven, of any subscription.
SELECT json_group_array(dead_letter_id)
FROM (
  SELECT dead_letter_id FROM subscriptions CROSS JOIN dead_letters USING (subscription_key) WHERE redriven_at IS NULL LIMIT ?
)
