-- no parameters. One row: a JSON array of name, channel_key, next_offset and first_offset of each channel.
SELECT json_group_array(json_array(name, channel_key, next_offset, first_offset)) FROM channels
