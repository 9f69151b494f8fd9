-- rows: artifact_id, kind, media_type, size_bytes, storage_location, content in hexadecimal (null for a file),
--   file_path, created_at
INSERT INTO artifacts (artifact_id, kind, media_type, size_bytes, storage_location, inline_data, file_path, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), value ->> 6, value ->> 7
FROM jsonb_each(?)
WHERE true ON CONFLICT DO NOTHING
