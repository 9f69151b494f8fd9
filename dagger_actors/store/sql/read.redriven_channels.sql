-- parameters: ids of dead letters as a JSON array. Channel_keys of the private channels of their groups.
SELECT json_group_array(DISTINCT channel_key)
FROM json_each(?) AS asked
  CROSS JOIN dead_letters ON dead_letter_id = asked.value
  CROSS JOIN subscriptions USING (subscription_key)
  CROSS JOIN subscription_groups USING (group_key)
  CROSS JOIN channels ON channels.name = '@' || subscription_groups.name
