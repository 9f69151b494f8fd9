-- parameters: states as a JSON list (empty = any), flow_name ('' = any), created_at from, limit, living workers as JSON,
-- whether runs of flows inside others count.
-- A run that says `pending` or `running` and whose owner is gone counts as `interrupted`.
SELECT f.run_id, f.flow_name, f.status, f.error, f.created_at, f.started_at, f.finished_at, f.elapsed_us, f.owner, w.pid
FROM flow_runs AS f LEFT JOIN workers AS w ON w.worker_id = f.owner
WHERE (
    ?1 = '[]' OR iif(
      f.status IN ('pending', 'running') AND (f.owner IS NULL OR f.owner NOT IN (SELECT value FROM json_each(?5))),
      'interrupted', f.status
    ) IN (SELECT value FROM json_each(?1))
  )
  AND (?2 = '' OR f.flow_name = ?2)
  AND f.created_at >= ?3
  AND (?6 OR f.parent_run IS NULL)
ORDER BY f.created_at DESC, f.run_key DESC LIMIT ?4
