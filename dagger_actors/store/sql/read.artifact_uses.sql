-- parameters: first run_key, last run_key, node_id ('' = any), kind ('' = any), whether those of no run count, limit.
-- One row for each place that names an artifact: the roots that collection must spare. The newest runs first.
WITH places (run_key, node, item, attempt, role, name, artifact_id) AS (
  SELECT run_key, node, item, attempt, 'output', '', output_artifact_id
  FROM node_runs WHERE run_key BETWEEN ?1 AND ?2 AND output_artifact_id IS NOT NULL
  UNION ALL
  SELECT run_key, node, item, attempt, 'saved', name, artifact_id FROM artifact_names WHERE run_key BETWEEN ?1 AND ?2
  UNION ALL
  SELECT run_key, node, item, (
      SELECT max(attempt) FROM node_runs AS r
      WHERE r.run_key = steps.run_key AND r.node = steps.node AND r.item = steps.item
    ), 'step', name, output_artifact_id
  FROM steps WHERE run_key BETWEEN ?1 AND ?2 AND output_artifact_id IS NOT NULL
)
SELECT p.artifact_id, a.kind, a.media_type, a.size_bytes, a.storage_location, p.role, p.name, r.run_id, r.node_id,
  r.invocation_key, r.attempt, p.run_key, p.node, p.item
FROM places AS p
JOIN node_runs AS r USING (run_key, node, item, attempt)
JOIN artifacts AS a ON a.artifact_id = p.artifact_id
WHERE (?3 = '' OR r.node_id = ?3) AND (?4 = '' OR a.kind = ?4)
UNION ALL
SELECT k.artifact_id, a.kind, k.media_type, a.size_bytes, a.storage_location, 'put', k.name, NULL, '', '', 0, 0, 0, 0
FROM kept_artifacts AS k JOIN artifacts AS a USING (artifact_id)
WHERE ?5 AND (?4 = '' OR a.kind = ?4)
ORDER BY 12 DESC, 13, 14, 11, 6, 7, 1 LIMIT ?6
