-- rows: run_key. A run that rests because people are asked is to be looked at now: one has answered.
UPDATE flow_runs SET asks_until = 0
WHERE run_key IN (SELECT value ->> 0 FROM jsonb_each(?)) AND asks_until IS NOT NULL
