-- parameters: group_key
DELETE FROM subscriber_states WHERE group_key = ?
