-- parameters: run_key, key
SELECT json_type(value) FROM run_values WHERE run_key = ? AND key = ?
