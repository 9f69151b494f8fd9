-- rows: run_key, node, item, attempt, input_hash
UPDATE node_runs SET input_hash = new.input_hash
FROM (
  SELECT value ->> 0 AS run_key, value ->> 1 AS node, value ->> 2 AS item, value ->> 3 AS attempt,
    value ->> 4 AS input_hash
  FROM jsonb_each(?)
) AS new
WHERE node_runs.run_key = new.run_key AND node_runs.node = new.node AND node_runs.item = new.item
  AND node_runs.attempt = new.attempt
