-- parameters: names as a JSON array. What appending to each must know.
SELECT json_group_array(json_array(channels.name, channel_key, next_offset, first_offset, floor, delayed, capacity, created_at))
FROM json_each(?) AS asked CROSS JOIN channels ON channels.name = asked.value
