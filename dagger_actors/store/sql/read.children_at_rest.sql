-- parameters: root_run, run_key. The runs of flows that attempts of a run await and that rest: its id, node, item and attempt,
--   when it is to be looked at because people are asked in it, whether it, or a run inside it, rests for something else, and whether
--   it has paused because the run above it had.
WITH RECURSIVE held (run_key, parent_run) AS (
  SELECT run_key, parent_run FROM flow_runs
  WHERE root_run = ? AND parent_run IS NOT NULL AND status = 'paused' AND asks_until IS NULL
  UNION
  SELECT above.run_key, above.parent_run
  FROM held JOIN flow_runs AS above ON above.run_key = held.parent_run
  WHERE above.parent_run IS NOT NULL
)
SELECT inside.run_id, awaits.node, awaits.item, awaits.attempt, inside.asks_until, inside.run_key IN (SELECT run_key FROM held),
  inside.pausing = 2
FROM awaits
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
  CROSS JOIN flow_runs AS inside ON inside.run_id = awaits.wanted ->> 'run' AND inside.parent_run = awaits.run_key
WHERE awaits.run_key = ? AND awaits.kind = 'flow' AND node_runs.state = 'waiting' AND inside.status = 'paused'
