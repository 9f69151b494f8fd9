-- parameters: run_key
SELECT n.node, n.item, n.attempt, n.name, n.artifact_id, a.kind, a.media_type, a.size_bytes
FROM artifact_names AS n JOIN artifacts AS a USING (artifact_id)
WHERE n.run_key = ? ORDER BY n.node, n.item, n.attempt, n.name
