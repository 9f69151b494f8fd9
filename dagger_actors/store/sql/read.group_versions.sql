-- no parameters. One row: a JSON array of group_key and version of each. It rises when somebody joins, leaves or gives ranges
--   back, and with whatever people do to its subscriptions.
SELECT json_group_array(json_array(group_key, version)) FROM subscription_groups
