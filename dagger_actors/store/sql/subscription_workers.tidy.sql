-- parameters: subscription_keys as a JSON array. Those whose worker is no more.
DELETE FROM subscription_workers
WHERE subscription_key IN (SELECT value FROM json_each(?))
  AND NOT EXISTS (SELECT 1 FROM workers WHERE worker_id = subscription_workers.worker)
