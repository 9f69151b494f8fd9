-- parameters: a channel's name. What whoever publishes must know: its capacity, overflow, and types as a JSON array.
SELECT capacity, overflow, types FROM channels WHERE name = ?
