-- parameters: group_key, worker, member
DELETE FROM group_members WHERE group_key = ? AND worker = ? AND member = ?
