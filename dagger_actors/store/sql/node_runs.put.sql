-- rows: run_key, node, item, attempt, run_id, node_id, invocation_key, state, try_no, crash_no, output,
--   output_artifact_id, size, reason, error, due_at, started_at, finished_at, seq
-- An attempt ends once: a row in a final state is not changed, and then the count is short and the unit is refused.
-- The number of an event never changes: the first time that a row waits or runs counts. Nor is a start forgotten by who
-- tells the end alone, as a mapped node does; what turns out not to have begun is ready again. What awaits something
-- outside waits since it began, and runs nothing: it has one number for both.
INSERT INTO node_runs (run_key, node, item, attempt, run_id, node_id, invocation_key, state, try_no, crash_no, output,
  output_artifact_id, size, reason, error, due_at, started_at, finished_at, waiting_seq, started_seq, ended_seq)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
  value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
  value ->> 16, value ->> 17,
  iif(value ->> 7 = 'waiting', value ->> 18, NULL),
  iif(value ->> 7 = 'running' OR value ->> 7 <> 'waiting' AND value ->> 16 IS NOT NULL, value ->> 18, NULL),
  iif(value ->> 7 IN ('ready', 'running', 'waiting'), NULL, (value ->> 18) + 1)
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET state = excluded.state, try_no = excluded.try_no, crash_no = excluded.crash_no, output = excluded.output,
  output_artifact_id = excluded.output_artifact_id, size = excluded.size, reason = excluded.reason,
  error = excluded.error, due_at = excluded.due_at,
  started_at = iif(excluded.state = 'ready', NULL, coalesce(excluded.started_at, node_runs.started_at)),
  finished_at = excluded.finished_at, waiting_seq = coalesce(node_runs.waiting_seq, excluded.waiting_seq),
  started_seq = coalesce(node_runs.started_seq,
    iif(node_runs.state = 'waiting' AND node_runs.started_at IS NOT NULL, NULL, excluded.started_seq)),
  ended_seq = excluded.ended_seq
WHERE node_runs.state IN ('ready', 'running', 'waiting')
