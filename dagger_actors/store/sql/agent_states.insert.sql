-- parameters: name, class, format, state, updated_at, owner
INSERT INTO agent_states (name, class, format, state, version, updated_at, owner, epoch) VALUES (?, ?, ?, ?, 0, ?, ?, 1)
