-- parameters: subscription_keys as a JSON array, worker
INSERT OR IGNORE INTO subscription_workers (subscription_key, worker) SELECT value, ?2 FROM json_each(?1)
