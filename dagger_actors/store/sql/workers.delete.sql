-- rows: worker_id
DELETE FROM workers WHERE worker_id IN (SELECT value ->> 0 FROM jsonb_each(?))
