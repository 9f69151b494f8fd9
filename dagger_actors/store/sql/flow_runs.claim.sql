-- rows: run_key, old_owner (null = nobody), old_epoch, new_owner
UPDATE flow_runs
SET owner = new.new_owner, epoch = flow_runs.epoch + 1
FROM (
  SELECT value ->> 0 AS run_key, value ->> 1 AS old_owner, value ->> 2 AS old_epoch, value ->> 3 AS new_owner
  FROM jsonb_each(?)
) AS new
WHERE flow_runs.run_key = new.run_key AND flow_runs.owner IS new.old_owner AND flow_runs.epoch = new.old_epoch
