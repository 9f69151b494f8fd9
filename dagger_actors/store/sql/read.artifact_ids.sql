-- parameters: first id, id behind the last. Enough to tell none from one from several.
SELECT artifact_id FROM artifacts WHERE artifact_id >= ? AND artifact_id < ? ORDER BY artifact_id LIMIT 4
