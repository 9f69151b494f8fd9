-- parameters: cursor_keys as a JSON array
DELETE FROM subscription_channels WHERE cursor_key IN (SELECT value FROM json_each(?))
