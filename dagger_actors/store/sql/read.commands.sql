-- Commands nobody has consumed, oldest first.
SELECT command_id, run_key, verb, node FROM commands ORDER BY command_id LIMIT 1000
