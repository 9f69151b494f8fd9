-- parameters: worker
DELETE FROM group_members WHERE worker = ?
