-- parameters: a group's name, a key. The state, as MessagePack.
SELECT state FROM subscriber_states JOIN subscription_groups USING (group_key) WHERE name = ? AND key = ?
