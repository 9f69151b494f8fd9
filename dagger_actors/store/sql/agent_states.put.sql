-- rows: name, owner, epoch, class, format, state (in hexadecimal), updated_at
-- The fence: an owner that was taken over changes no row, so its unit is refused.
UPDATE agent_states
SET class = new.class, format = new.format, state = unhex(new.state), version = agent_states.version + 1,
  updated_at = new.updated_at
FROM (
  SELECT value ->> 0 AS name, value ->> 1 AS owner, value ->> 2 AS epoch, value ->> 3 AS class, value ->> 4 AS format,
    value ->> 5 AS state, value ->> 6 AS updated_at
  FROM jsonb_each(?)
) AS new
WHERE agent_states.name = new.name AND agent_states.owner = new.owner AND agent_states.epoch = new.epoch
