-- parameters: run_key, node, item, name
SELECT s.output, s.output_artifact_id, a.kind, a.size_bytes
FROM steps AS s LEFT JOIN artifacts AS a ON a.artifact_id = s.output_artifact_id
WHERE s.run_key = ? AND s.node = ? AND s.item = ? AND s.name = ?
