-- rows: run_key, node, body. A later body of a node takes the place of the one before, also of one of the definition.
INSERT INTO added_nodes (run_key, node, body)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE SET body = excluded.body
