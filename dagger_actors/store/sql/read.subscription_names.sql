-- no parameters
SELECT json_group_array(name) FROM subscriptions
