-- parameters: group_key. Range, owner, member, epoch of each.
SELECT json_group_array(json_array(range, owner, member, epoch))
FROM (SELECT range, owner, member, epoch FROM group_ranges WHERE group_key = ? ORDER BY range)
