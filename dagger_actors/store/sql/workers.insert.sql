-- rows: worker_id, pid, started_at, lease_expires_at, slot_file
INSERT INTO workers (worker_id, pid, started_at, lease_expires_at, slot_file)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?)
