-- parameters: group_key. What is in hand of its ranges is committed by nobody.
UPDATE group_ranges SET owner = NULL, member = NULL, epoch = epoch + 1 WHERE group_key = ?
