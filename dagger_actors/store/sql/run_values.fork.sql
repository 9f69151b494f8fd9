-- rows: run_key, run_key of the run it is forked from. Whatever its nodes have put there is there for those of the fork.
INSERT INTO run_values (run_key, key, value, updated_at)
SELECT new.value ->> 0, v.key, v.value, v.updated_at
FROM jsonb_each(?) AS new JOIN run_values AS v ON v.run_key = new.value ->> 1
