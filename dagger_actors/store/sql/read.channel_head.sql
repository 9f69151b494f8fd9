-- parameters: a channel's name. Its channel_key, next_offset, first_offset, schema and types.
SELECT channel_key, next_offset, first_offset, schema, types FROM channels WHERE name = ?
