-- rows: task_key, owner, epoch, attempt, started_at, updated_at
-- A lease that was lost changes nothing here: its end will be refused.
UPDATE tasks NOT INDEXED
SET state = 'running', attempt = new.attempt, started_at = new.started_at, version = version + 1,
  updated_at = new.updated_at
FROM (
  SELECT value ->> 0 AS task_key, value ->> 1 AS owner, value ->> 2 AS epoch, value ->> 3 AS attempt,
    value ->> 4 AS started_at, value ->> 5 AS updated_at
  FROM jsonb_each(?)
) AS new
WHERE tasks.task_key = new.task_key AND tasks.owner = new.owner AND tasks.epoch = new.epoch
