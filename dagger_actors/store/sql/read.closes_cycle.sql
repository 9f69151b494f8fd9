-- parameters: a task, ids as a JSON array. One of these that depends on that task, whatever the number of steps; NULL = none does.
WITH RECURSIVE behind (task_key) AS (
  SELECT ?1
  UNION
  SELECT task_dependencies.task_key FROM behind CROSS JOIN task_dependencies ON on_key = behind.task_key
)
SELECT (SELECT task_key FROM behind WHERE task_key IN (SELECT value FROM json_each(?2)) LIMIT 1)
