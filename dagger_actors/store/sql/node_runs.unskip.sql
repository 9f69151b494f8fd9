-- rows: run_key, nodes as JSON text. What was skipped without an attempt has no history to keep once its run is tried again, nor has what
--   those nodes had skipped, which are run again though they had succeeded; the items of others that have succeeded stay as they are.
DELETE FROM node_runs
WHERE run_key IN (SELECT value ->> 0 FROM jsonb_each(?1)) AND attempt = 0
  AND (item < 0
    OR node IN (SELECT redone.value FROM jsonb_each(?1) AS told, json_each(told.value ->> 1) AS redone)
    OR 'succeeded' IS NOT (
      SELECT whole.state FROM node_runs AS whole
      WHERE whole.run_key = node_runs.run_key AND whole.node = node_runs.node AND whole.item = -1
      ORDER BY whole.attempt DESC LIMIT 1))
