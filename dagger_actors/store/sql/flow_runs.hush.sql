-- rows: run_key. A run that rests because people are asked does not go on by itself any more: somebody has paused it.
UPDATE flow_runs SET asks_until = NULL
WHERE run_key IN (SELECT value ->> 0 FROM jsonb_each(?)) AND asks_until IS NOT NULL
