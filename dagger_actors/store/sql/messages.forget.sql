-- parameters: channel_key
DELETE FROM messages WHERE channel_key = ?
