-- parameters: a list of run keys. The runs of flows inside these that somebody has cancelled, and whether their ends are still to be
--   heard by whoever has their code.
SELECT inside.run_id, inside.status = 'running'
FROM (SELECT DISTINCT root_run FROM flow_runs WHERE run_key IN (SELECT value FROM json_each(?1))) AS above
  CROSS JOIN flow_runs AS inside ON inside.root_run = above.root_run
WHERE inside.parent_run IN (SELECT value FROM json_each(?1)) AND inside.status IN ('cancelled', 'running')
  AND (inside.status = 'cancelled' OR (inside.owner IS NULL AND inside.ending = 'cancelled'))
