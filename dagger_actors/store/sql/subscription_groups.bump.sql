-- parameters: group_key. Its members look again.
UPDATE subscription_groups SET version = version + 1 WHERE group_key = ?
