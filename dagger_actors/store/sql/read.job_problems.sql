-- parameters: job_key, limit. Ids of its tasks that need a look, the first ones submitted. (By the index on the few tasks that are
-- in such states: the plus keeps SQLite from going through all of the job.)
SELECT task_key FROM tasks
WHERE +job_key = ? AND state IN ('pending', 'blocked', 'paused', 'failed', 'cancelled', 'accepted', 'rejected')
  AND (state IN ('failed', 'rejected', 'paused') OR (state = 'blocked' AND is_stuck))
ORDER BY task_key LIMIT ?
