-- parameters: run_key, artifact_id. The node of a run that gave or saved an artifact; the first one of several.
SELECT run_id, node_id FROM node_runs WHERE run_key = ?1 AND output_artifact_id = ?2
UNION ALL
SELECT r.run_id, r.node_id FROM artifact_names AS n JOIN node_runs AS r USING (run_key, node, item, attempt)
WHERE n.run_key = ?1 AND n.artifact_id = ?2
LIMIT 1
