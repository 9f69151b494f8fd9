-- parameters: channels' names as a JSON array. One row: a JSON array of name, channel_key, next_offset and first_offset of each.
SELECT json_group_array(json_array(name, channel_key, next_offset, first_offset))
FROM json_each(?) AS asked CROSS JOIN channels ON name = asked.value
