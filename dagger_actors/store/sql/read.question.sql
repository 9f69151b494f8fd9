-- parameters: run_key, node. The last attempt at it that there is.
SELECT attempt, state, reason FROM node_runs WHERE run_key = ? AND node = ? AND item = -1 ORDER BY attempt DESC LIMIT 1
