-- parameters: group_key, range. Whose it is: worker and member.
SELECT owner, member FROM group_ranges WHERE group_key = ? AND range = ?
