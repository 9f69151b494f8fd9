-- parameters: group_key. Those whose worker is no more.
DELETE FROM group_members
WHERE group_key = ? AND NOT EXISTS (SELECT 1 FROM workers WHERE worker_id = group_members.worker)
