-- no parameters. When the next of all timers and delayed messages is due, or null.
SELECT min(due_at) FROM delayed_messages
