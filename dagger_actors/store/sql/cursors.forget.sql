-- parameters: cursor_keys as a JSON array
DELETE FROM cursors WHERE cursor_key IN (SELECT value FROM json_each(?))
