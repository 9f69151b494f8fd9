-- rows: cursor_key, offset, range, try_no, crash_no, due_at, error, updated_at
INSERT INTO deliveries (cursor_key, offset, range, try_no, crash_no, due_at, error, updated_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET range = excluded.range, try_no = excluded.try_no, crash_no = excluded.crash_no, due_at = excluded.due_at,
  error = excluded.error, updated_at = excluded.updated_at
