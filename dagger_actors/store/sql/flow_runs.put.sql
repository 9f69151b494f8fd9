-- rows: run_key, owner, epoch, status, error, started_at, finished_at, elapsed_us, next_owner, ending, pausing, last_seq
-- The fence: an owner that was taken over changes no row here, so its whole unit is refused.
UPDATE flow_runs
SET asks_until = NULL, status = new.status, error = new.error, started_at = new.started_at, finished_at = new.finished_at,
  elapsed_us = new.elapsed_us, owner = new.next_owner, ending = new.ending,
  pausing = new.pausing, last_seq = new.last_seq
FROM (
  SELECT value ->> 0 AS run_key, value ->> 1 AS owner, value ->> 2 AS epoch, value ->> 3 AS status,
    value ->> 4 AS error, value ->> 5 AS started_at, value ->> 6 AS finished_at, value ->> 7 AS elapsed_us,
    value ->> 8 AS next_owner, value ->> 9 AS ending, value ->> 10 AS pausing,
    value ->> 11 AS last_seq
  FROM jsonb_each(?)
) AS new
WHERE flow_runs.run_key = new.run_key AND flow_runs.owner = new.owner AND flow_runs.epoch = new.epoch
