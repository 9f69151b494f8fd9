-- parameters: names as a JSON array
SELECT json_group_array(json_array(subscriptions.name, subscription_key, group_key, pattern, ranges, keying, created_at))
FROM json_each(?) AS asked CROSS JOIN subscriptions ON subscriptions.name = asked.value
