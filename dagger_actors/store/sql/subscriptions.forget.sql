-- parameters: subscription_key
DELETE FROM subscriptions WHERE subscription_key = ?
