-- parameters: group_key
DELETE FROM subscription_groups WHERE group_key = ?
