-- parameters: a time. Runs of flows inside others that rest because people are asked and are to be looked at by then.
SELECT run_id FROM flow_runs WHERE asks_until <= ? AND parent_run IS NOT NULL ORDER BY asks_until
