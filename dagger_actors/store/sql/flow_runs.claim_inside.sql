-- rows: root_run, new_owner. Who takes a run takes the runs of the flows inside it that are not over; its own
--   it has already, and some of them may be open: they are still being cancelled.
UPDATE flow_runs INDEXED BY flow_runs_root
SET owner = new.new_owner, epoch = flow_runs.epoch + 1
FROM (SELECT value ->> 0 AS root_run, value ->> 1 AS new_owner FROM jsonb_each(?)) AS new
WHERE flow_runs.root_run = new.root_run AND flow_runs.parent_run IS NOT NULL
  AND flow_runs.status IN ('pending', 'running', 'paused') AND flow_runs.owner IS NOT new.new_owner
