-- parameters: ids as a JSON array. Id, subscription and whether it is redriven of those that are there.
SELECT json_group_array(json_array(dead_letter_id, subscription_key, redriven_at IS NOT NULL) ORDER BY dead_letter_id)
FROM json_each(?) AS asked CROSS JOIN dead_letters ON dead_letter_id = asked.value
