-- parameters: now, ids as a JSON array. Those of them that can never run, and all that wait for these, are stuck. What waits
-- for a success, waits in vain for what has ended without; whatever waits for a stuck task, waits in vain.
WITH RECURSIVE stranded (task_key) AS (
  SELECT waiting.task_key
  FROM json_each(?2) AS asked CROSS JOIN tasks AS waiting ON waiting.task_key = asked.value
  WHERE waiting.state = 'blocked' AND NOT waiting.is_stuck AND EXISTS (
    SELECT 1
    FROM task_dependencies CROSS JOIN tasks AS culprit ON culprit.task_key = on_key
    WHERE task_dependencies.task_key = waiting.task_key AND met = 0
      AND (culprit.is_stuck OR (kind = 'success' AND culprit.state IN ('failed', 'cancelled', 'rejected')))
  )
  UNION
  SELECT waiting.task_key
  FROM stranded
    CROSS JOIN task_dependencies ON on_key = stranded.task_key AND met = 0
    CROSS JOIN tasks AS waiting ON waiting.task_key = task_dependencies.task_key
  WHERE waiting.state = 'blocked' AND NOT waiting.is_stuck
), reasoned (task_key, reason) AS (
  SELECT task_key, coalesce(
    (
      SELECT 'task ' || on_key || iif(culprit.state = 'failed', ' failed', ' was ' || culprit.state)
      FROM task_dependencies CROSS JOIN tasks AS culprit ON culprit.task_key = on_key
      WHERE task_dependencies.task_key = stranded.task_key AND met = 0 AND kind = 'success'
        AND culprit.state IN ('failed', 'cancelled', 'rejected')
      LIMIT 1
    ),
    (
      SELECT 'task ' || on_key || ' can never run'
      FROM task_dependencies CROSS JOIN tasks AS culprit ON culprit.task_key = on_key
      WHERE task_dependencies.task_key = stranded.task_key AND met = 0 AND culprit.state = 'blocked'
        AND (culprit.is_stuck OR on_key IN (SELECT task_key FROM stranded))
      LIMIT 1
    )
  )
  FROM stranded
)
UPDATE tasks
SET is_stuck = 1, reason = reasoned.reason, version = version + 1, updated_at = ?1
FROM reasoned
WHERE tasks.task_key = reasoned.task_key
