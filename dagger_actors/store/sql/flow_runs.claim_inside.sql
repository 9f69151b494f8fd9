-- rows: root_run, new_owner, others (JSON list: the workers that live, but for the new owner and the root's old one). Who takes a
--   run takes the runs of the flows inside it that are not over; its own it has already, and some of them may be open: they are
--   still being cancelled. So may be those of others, which nobody awaits any more (as in read.runs_left): whoever has these hears
--   their ends out, and those inside them.
WITH RECURSIVE new (root_run, new_owner, others) AS MATERIALIZED (
  SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?)
), going (run_key, run_id, parent_run) AS MATERIALIZED (
  SELECT flow_runs.run_key, flow_runs.run_id, flow_runs.parent_run
  FROM new CROSS JOIN flow_runs INDEXED BY flow_runs_root ON flow_runs.root_run = new.root_run
  WHERE new.others <> '[]' AND flow_runs.parent_run IS NOT NULL AND flow_runs.status = 'running'
    AND flow_runs.owner IN (SELECT value FROM json_each(new.others))
), awaited (run_id, parent_run) AS MATERIALIZED (
  SELECT awaits.wanted ->> 'run', outer_run.run_key
  FROM (SELECT DISTINCT parent_run FROM going) AS parents
    CROSS JOIN flow_runs AS outer_run ON outer_run.run_key = parents.parent_run
    CROSS JOIN awaits ON awaits.run_key = outer_run.run_key AND awaits.kind = 'flow'
    CROSS JOIN node_runs USING (run_key, node, item, attempt)
  WHERE outer_run.status IN ('pending', 'running', 'paused') AND node_runs.state = 'waiting'
), kept (run_key) AS (
  SELECT run_key FROM going
  WHERE (run_id, parent_run) NOT IN (SELECT run_id, parent_run FROM awaited WHERE run_id IS NOT NULL)
  UNION
  SELECT going.run_key FROM kept JOIN going ON going.parent_run = kept.run_key
)
UPDATE flow_runs INDEXED BY flow_runs_root
SET owner = new.new_owner, epoch = flow_runs.epoch + 1
FROM new
WHERE flow_runs.root_run = new.root_run AND flow_runs.parent_run IS NOT NULL
  AND flow_runs.status IN ('pending', 'running', 'paused') AND flow_runs.owner IS NOT new.new_owner
  AND flow_runs.run_key NOT IN (SELECT run_key FROM kept)
