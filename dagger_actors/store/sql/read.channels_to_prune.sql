-- no parameters. Channels with messages that are not kept for ever.
SELECT json_group_array(json_array(channel_key, first_offset, bytes, retain_age_us, retain_count, retain_bytes))
FROM channels
WHERE first_offset < next_offset AND coalesce(retain_age_us, retain_count, retain_bytes) IS NOT NULL
