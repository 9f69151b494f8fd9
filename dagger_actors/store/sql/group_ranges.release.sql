-- parameters: group_key, worker, member, ranges as a JSON array or null for all
UPDATE group_ranges SET owner = NULL, member = NULL
WHERE group_key = ?1 AND owner = ?2 AND member = ?3 AND (?4 IS NULL OR range IN (SELECT value FROM json_each(?4)))
