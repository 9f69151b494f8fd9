-- parameters: a channel's name, offset. One message.
SELECT offset, type, payload, published_at, message_id, key, headers, source, source_key, target
FROM channels JOIN messages USING (channel_key)
WHERE name = ? AND offset = ?
