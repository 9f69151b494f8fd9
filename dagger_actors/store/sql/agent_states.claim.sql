-- parameters: owner, name, old_epoch
UPDATE agent_states SET owner = ?, epoch = epoch + 1 WHERE name = ? AND epoch = ?
