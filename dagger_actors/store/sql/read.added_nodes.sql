-- parameters: run_key
SELECT body FROM added_nodes WHERE run_key = ? ORDER BY node
