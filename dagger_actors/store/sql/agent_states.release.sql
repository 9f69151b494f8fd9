-- rows: name, owner, epoch
UPDATE agent_states SET owner = NULL
FROM (SELECT value ->> 0 AS name, value ->> 1 AS owner, value ->> 2 AS epoch FROM jsonb_each(?)) AS new
WHERE agent_states.name = new.name AND agent_states.owner = new.owner AND agent_states.epoch = new.epoch
