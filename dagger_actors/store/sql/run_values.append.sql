-- parameters: run_key, key, one item, updated_at. In the transaction, so that what two attempts append both stays.
INSERT INTO run_values (run_key, key, value, updated_at) VALUES (?1, ?2, json_array(json(?3)), ?4)
ON CONFLICT DO UPDATE SET value = json_insert(value, '$[#]', json(?3)), updated_at = excluded.updated_at
