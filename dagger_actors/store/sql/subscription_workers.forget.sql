-- parameters: subscription_key
DELETE FROM subscription_workers WHERE subscription_key = ?
