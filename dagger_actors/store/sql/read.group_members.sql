-- parameters: group_key. Worker and member of each that shares, in the order of joining; of those whose worker is there.
SELECT json_group_array(json_array(worker, member) ORDER BY joined_at)
FROM group_members
WHERE group_key = ? AND EXISTS (SELECT 1 FROM workers WHERE worker_id = worker)
