-- parameters: subscription_key, how many at most. Ids of those that are not redriven, the oldest first.
SELECT json_group_array(dead_letter_id)
FROM (
  SELECT dead_letter_id FROM dead_letters WHERE subscription_key = ? AND redriven_at IS NULL ORDER BY dead_letter_id LIMIT ?
)
