-- rows: definition_id, flow_name, format, body, created_at
INSERT INTO definitions (definition_id, flow_name, format, body, created_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
