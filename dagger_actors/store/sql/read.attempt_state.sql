-- parameters: run_key, node, item, attempt
SELECT state FROM node_runs WHERE run_key = ? AND node = ? AND item = ? AND attempt = ?
