-- parameters: channel_key, offset. Offset and published_at of the message there, or of the next one that is kept.
SELECT offset, published_at FROM messages WHERE channel_key = ? AND offset >= ? ORDER BY offset LIMIT 1
