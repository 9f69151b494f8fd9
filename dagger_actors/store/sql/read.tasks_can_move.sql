-- parameters: names of agents as a JSON array. Whether a task of theirs can still move by itself: it is leased, can be, waits
-- for its time, or for what has not failed. (One that is held has others of its key before it, which are one of these.)
WITH wanted AS MATERIALIZED (SELECT value AS name FROM json_each(?))
SELECT EXISTS (SELECT 1 FROM tasks WHERE owner IS NOT NULL AND agent IN wanted)
  OR EXISTS (
    SELECT 1 FROM tasks WHERE state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0 AND agent IN wanted
  )
  OR EXISTS (SELECT 1 FROM tasks WHERE due_at IS NOT NULL AND state IN ('pending', 'ready') AND agent IN wanted)
  OR EXISTS (
    SELECT 1 FROM tasks
    WHERE state IN ('pending', 'blocked', 'paused', 'failed', 'cancelled', 'accepted', 'rejected') AND state = 'blocked'
      AND NOT is_stuck AND agent IN wanted
  )
