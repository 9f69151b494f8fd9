-- parameters: now, reason, ids as a JSON array. A lease is taken away: its worker's epoch is no longer the row's.
UPDATE tasks
SET state = 'cancelled', reason = ?2, is_stuck = 0, due_at = NULL, finished_at = ?1, updated_at = ?1,
  version = version + 1, epoch = epoch + (owner IS NOT NULL), owner = NULL
WHERE task_key IN (SELECT value FROM json_each(?3))
