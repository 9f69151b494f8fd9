-- no parameters. All names as a JSON array.
SELECT json_group_array(name) FROM subscription_groups
