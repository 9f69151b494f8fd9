-- parameters: channel_key
DELETE FROM channels WHERE channel_key = ?
