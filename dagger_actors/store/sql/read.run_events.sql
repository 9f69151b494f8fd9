-- parameters: run_key, after, limit
-- Each part is read from its index in the order of the numbers, and the parts are merged: a page costs what it holds,
-- however long the run is.
SELECT waiting_seq AS seq, 'waiting' AS kind, node_id, invocation_key, attempt, 'waiting' AS name,
  iif(state = 'waiting', reason, NULL) AS reason, NULL AS error, NULL AS data,
  iif(started_seq IS NULL, started_at, NULL) AS at, NULL AS duration_us
FROM node_runs WHERE run_key = ?1 AND waiting_seq > ?2
UNION ALL
SELECT started_seq, 'started', node_id, invocation_key, attempt, 'running', NULL, NULL, NULL, started_at, NULL
FROM node_runs WHERE run_key = ?1 AND started_seq > ?2
UNION ALL
SELECT ended_seq, 'ended', node_id, invocation_key, attempt, state, reason, error, NULL, finished_at,
  finished_at - started_at
FROM node_runs WHERE run_key = ?1 AND ended_seq > ?2
UNION ALL
SELECT seq, kind, node_id, '', 0, name, NULL, NULL, data, at, NULL
FROM run_events WHERE run_key = ?1 AND seq > ?2
ORDER BY seq LIMIT ?3
