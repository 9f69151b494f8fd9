-- no parameters. Names.
SELECT name FROM subscriptions WHERE paused_at IS NOT NULL
