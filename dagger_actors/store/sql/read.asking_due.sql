-- parameters: a time. Runs that rest because people are asked and are to be looked at by then: one has answered, or was
--   asked for long enough. Those of flows inside them are looked at with them.
SELECT run_id FROM flow_runs WHERE asks_until <= ? AND parent_run IS NULL ORDER BY asks_until LIMIT 1000
