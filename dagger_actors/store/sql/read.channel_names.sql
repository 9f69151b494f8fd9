-- no parameters. Names of channels that are no group's own.
SELECT json_group_array(name) FROM channels WHERE name NOT LIKE '@%'
