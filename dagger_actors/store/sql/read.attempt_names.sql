-- parameters: run_key, node, item, attempt. What an attempt saved by name.
SELECT n.name, a.artifact_id, a.kind, a.media_type, a.size_bytes
FROM artifact_names AS n JOIN artifacts AS a USING (artifact_id)
WHERE n.run_key = ? AND n.node = ? AND n.item = ? AND n.attempt = ? ORDER BY n.name
