-- rows: artifact_id, name, media_type, created_at. Putting it again says what it is anew.
INSERT INTO kept_artifacts (artifact_id, name, media_type, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM jsonb_each(?)
WHERE true ON CONFLICT DO UPDATE SET media_type = excluded.media_type
