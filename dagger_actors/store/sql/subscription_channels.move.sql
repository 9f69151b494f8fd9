-- parameters: rows as a JSON array: cursor_key, start_offset
UPDATE subscription_channels SET start_offset = new.start_offset
FROM (SELECT value ->> 0 AS cursor_key, value ->> 1 AS start_offset FROM jsonb_each(?)) AS new
WHERE subscription_channels.cursor_key = new.cursor_key
