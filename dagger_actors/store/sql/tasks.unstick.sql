-- parameters: now, ids as a JSON array
UPDATE tasks SET is_stuck = 0, reason = NULL, version = version + 1, updated_at = ?1
WHERE task_key IN (SELECT value FROM json_each(?2)) AND is_stuck AND state = 'blocked'
