-- parameters: group_key. Range, owner, member, epoch of each.
SELECT json_group_array(json_array(range, owner, member, epoch) ORDER BY range) FROM group_ranges WHERE group_key = ?
