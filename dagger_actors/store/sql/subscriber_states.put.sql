-- rows: group_key, key, state (in hexadecimal), updated_at
INSERT INTO subscriber_states (group_key, key, state, version, updated_at)
SELECT value ->> 0, value ->> 1, unhex(value ->> 2), 1, value ->> 3
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE SET state = excluded.state, version = version + 1, updated_at = excluded.updated_at
