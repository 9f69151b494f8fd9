-- parameters: group_key
DELETE FROM group_ranges WHERE group_key = ?
