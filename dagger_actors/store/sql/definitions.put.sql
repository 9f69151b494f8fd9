-- rows: definition_id, flow_name, format, body, created_at
INSERT INTO definitions (definition_id, flow_name, format, body, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?)
WHERE true ON CONFLICT DO NOTHING
