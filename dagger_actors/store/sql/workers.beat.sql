-- rows: worker_id, lease_expires_at
UPDATE workers SET beat = beat + 1, lease_expires_at = new.lease_expires_at
FROM (SELECT value ->> 0 AS worker_id, value ->> 1 AS lease_expires_at FROM jsonb_each(?)) AS new
WHERE workers.worker_id = new.worker_id
