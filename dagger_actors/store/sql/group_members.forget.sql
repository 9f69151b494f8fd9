-- parameters: group_key
DELETE FROM group_members WHERE group_key = ?
