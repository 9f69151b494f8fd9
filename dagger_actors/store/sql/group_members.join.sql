-- parameters: group_key, worker, member, now. Behind all that have joined, whatever the clock says.
INSERT INTO group_members (group_key, worker, member, joined_at)
SELECT ?1, ?2, ?3, max(?4, coalesce((SELECT max(joined_at) + 1 FROM group_members WHERE group_key = ?1), ?4))
WHERE EXISTS (SELECT 1 FROM workers WHERE worker_id = ?2)
