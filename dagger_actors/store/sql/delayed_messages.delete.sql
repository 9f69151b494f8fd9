-- parameters: ids as a JSON array
DELETE FROM delayed_messages WHERE delayed_key IN (SELECT value FROM json_each(?))
