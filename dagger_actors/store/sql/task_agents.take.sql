-- rows: name, taken, tokens, refilled_at
UPDATE task_agents
SET taken = new.taken, tokens = new.tokens, refilled_at = new.refilled_at
FROM (
  SELECT value ->> 0 AS name, value ->> 1 AS taken, value ->> 2 AS tokens, value ->> 3 AS refilled_at FROM jsonb_each(?)
) AS new
WHERE task_agents.name = new.name
