-- parameters: artifact_id
SELECT kind, media_type, size_bytes, storage_location, inline_data, file_path FROM artifacts WHERE artifact_id = ?
