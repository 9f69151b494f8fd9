-- rows: command_id
DELETE FROM commands WHERE command_id IN (SELECT value ->> 0 FROM jsonb_each(?))
