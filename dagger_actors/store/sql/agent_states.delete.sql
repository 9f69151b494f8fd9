-- parameters: name
DELETE FROM agent_states WHERE name = ?
