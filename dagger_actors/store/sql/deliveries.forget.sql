-- parameters: cursor_keys as a JSON array
DELETE FROM deliveries WHERE cursor_key IN (SELECT value FROM json_each(?))
