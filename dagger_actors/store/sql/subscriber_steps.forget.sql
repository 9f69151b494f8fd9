-- rows: cursor_key, offset
DELETE FROM subscriber_steps WHERE (cursor_key, offset) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))
