-- parameters: names as a JSON array
SELECT json_group_array(json_array(subscription_groups.name, group_key))
FROM json_each(?) AS asked CROSS JOIN subscription_groups ON subscription_groups.name = asked.value
