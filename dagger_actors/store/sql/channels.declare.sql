-- parameters: rows as a JSON array: name, schema, types, capacity, overflow, retain_age_us, retain_count, retain_bytes, now
INSERT INTO channels (name, schema, types, capacity, overflow, retain_age_us, retain_count, retain_bytes, created_at, updated_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
  value ->> 8
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET schema = excluded.schema, types = excluded.types, capacity = excluded.capacity, overflow = excluded.overflow,
  retain_age_us = excluded.retain_age_us, retain_count = excluded.retain_count, retain_bytes = excluded.retain_bytes,
  updated_at = excluded.updated_at
WHERE (schema, types, capacity, overflow, retain_age_us, retain_count, retain_bytes) IS NOT (excluded.schema, excluded.types,
  excluded.capacity, excluded.overflow, excluded.retain_age_us, excluded.retain_count, excluded.retain_bytes)
