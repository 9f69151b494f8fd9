-- rows: cursor_key, offset, group_key, range, owner, member, name, output, output_artifact_id, created_at
-- The fence: whoever has lost the range stores nothing.
INSERT INTO subscriber_steps (cursor_key, offset, name, output, output_artifact_id, created_at)
SELECT value ->> 0, value ->> 1, value ->> 6, value ->> 7, value ->> 8, value ->> 9
FROM jsonb_each(?) CROSS JOIN group_ranges ON group_key = value ->> 2 AND range = value ->> 3
WHERE owner = value ->> 4 AND member = value ->> 5
