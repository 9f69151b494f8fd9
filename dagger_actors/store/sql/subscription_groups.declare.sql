-- parameters: rows as a JSON array: name, place, now
INSERT INTO subscription_groups (name, place, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE SET place = excluded.place WHERE subscription_groups.place IS NOT excluded.place
