-- parameters: owner, state (ready, or running for work that is at most once), now, ids as a JSON array
UPDATE tasks
SET owner = ?1, epoch = epoch + 1, version = version + 1, state = ?2,
  attempt = attempt + (?2 = 'running'), started_at = iif(?2 = 'running', ?3, started_at), updated_at = ?3
WHERE task_key IN (SELECT value FROM json_each(?4))
