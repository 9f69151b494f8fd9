-- parameters: now, how many at most. Ids of what is due, and the channels of it.
SELECT json_group_array(delayed_key), json_group_array(DISTINCT channel_key)
FROM (SELECT delayed_key, channel_key FROM delayed_messages WHERE due_at <= ? ORDER BY due_at, delayed_key LIMIT ?)
