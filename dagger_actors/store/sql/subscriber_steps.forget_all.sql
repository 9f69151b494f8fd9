-- parameters: cursor_keys as a JSON array
DELETE FROM subscriber_steps WHERE cursor_key IN (SELECT value FROM json_each(?))
