-- parameters: a time, and when the last run told before is to be looked at, and its key. Runs that rest because people are
--   asked and are to be looked at by then, in this order: one has answered, or was asked for long enough. Those of flows
--   inside them are looked at with them.
SELECT asks_until, run_key, run_id, definition_id, imports
FROM flow_runs
WHERE asks_until <= ?1 AND (asks_until, run_key) > (?2, ?3) AND parent_run IS NULL
ORDER BY asks_until, run_key LIMIT 1000
