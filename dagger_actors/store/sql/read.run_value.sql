-- parameters: run_key, key
SELECT value FROM run_values WHERE run_key = ? AND key = ?
