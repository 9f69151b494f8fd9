-- parameters: rows as a JSON array: group_key, name, pattern, start, ranges, keying, settings, now
INSERT INTO subscriptions (group_key, name, pattern, start, ranges, keying, settings, created_at, updated_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 7
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET pattern = excluded.pattern, start = excluded.start, ranges = excluded.ranges, keying = excluded.keying,
  settings = excluded.settings, updated_at = excluded.updated_at
WHERE (pattern, start, ranges, keying, settings)
  IS NOT (excluded.pattern, excluded.start, excluded.ranges, excluded.keying, excluded.settings)
