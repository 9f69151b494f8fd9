-- parameters: run_key, node. The last attempt of the node itself, not of its items.
SELECT state FROM node_runs WHERE run_key = ? AND node = ? AND item = -1 ORDER BY attempt DESC LIMIT 1
