-- parameters: run_key
SELECT node, body FROM added_nodes WHERE run_key = ? ORDER BY node
