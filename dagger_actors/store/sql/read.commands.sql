-- parameters: the last command told before. Commands nobody has consumed, oldest first.
SELECT command_id, run_key, verb, node FROM commands WHERE command_id > ? ORDER BY command_id LIMIT 1000
