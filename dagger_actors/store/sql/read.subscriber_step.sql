-- parameters: cursor_key, offset, name
SELECT output, output_artifact_id, kind, size_bytes
FROM subscriber_steps LEFT JOIN artifacts ON artifact_id = output_artifact_id
WHERE cursor_key = ? AND offset = ? AND name = ?
