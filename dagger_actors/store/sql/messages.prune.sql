-- parameters: channel_key, the first offset that stays
DELETE FROM messages WHERE channel_key = ? AND offset < ?
