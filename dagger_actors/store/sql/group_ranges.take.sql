-- parameters: group_key, ranges as a JSON array, worker, member. Those that are nobody's.
UPDATE group_ranges SET owner = ?3, member = ?4, epoch = epoch + 1
WHERE group_key = ?1 AND range IN (SELECT value FROM json_each(?2)) AND owner IS NULL
