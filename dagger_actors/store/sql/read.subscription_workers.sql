-- parameters: a subscription's name ('' = all). Name, worker and process of each that has its code, the gone too that are not
-- swept away yet.
SELECT subscriptions.name, worker, pid
FROM subscriptions CROSS JOIN subscription_workers USING (subscription_key) CROSS JOIN workers ON worker_id = worker
WHERE ?1 = '' OR subscriptions.name = ?1
ORDER BY subscriptions.name, worker
