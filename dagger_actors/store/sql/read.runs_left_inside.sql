-- parameters: root_run. The runs inside a run, at any depth, that are not over, and that no attempt of the run above them awaits
--   any more: as read.runs_left, apart from it because a root that may be absent would take the index of the root away.
WITH open_inside (run_key, run_id, parent_run) AS MATERIALIZED (
  SELECT run_key, run_id, parent_run FROM flow_runs
  WHERE root_run = ? AND status IN ('pending', 'running', 'paused') AND parent_run IS NOT NULL
), awaited (run_id, parent_run) AS MATERIALIZED (
  SELECT awaits.wanted ->> 'run', outer_run.run_key
  FROM (SELECT DISTINCT parent_run FROM open_inside) AS parents
    CROSS JOIN flow_runs AS outer_run ON outer_run.run_key = parents.parent_run
    CROSS JOIN awaits ON awaits.run_key = outer_run.run_key AND awaits.kind = 'flow'
    CROSS JOIN node_runs USING (run_key, node, item, attempt)
  WHERE outer_run.status IN ('pending', 'running', 'paused') AND node_runs.state = 'waiting'
)
SELECT run_id FROM open_inside
WHERE (run_id, parent_run) NOT IN (SELECT run_id, parent_run FROM awaited WHERE run_id IS NOT NULL)
ORDER BY run_key
