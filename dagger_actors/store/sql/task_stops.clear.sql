-- rows: worker, task_key, epoch
DELETE FROM task_stops
WHERE (worker, task_key, epoch) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?))
