-- parameters: subscription_key
DELETE FROM dead_letters WHERE subscription_key = ?
