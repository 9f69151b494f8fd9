-- parameters: ids as a JSON array. Ids, as a JSON array, of the stuck tasks that wait for one of them, or for one that does.
WITH RECURSIVE behind (task_key) AS (
  SELECT waiting.task_key
  FROM json_each(?) AS asked
    CROSS JOIN task_dependencies ON on_key = asked.value AND met = 0
    CROSS JOIN tasks AS waiting ON waiting.task_key = task_dependencies.task_key
  WHERE waiting.is_stuck
  UNION
  SELECT waiting.task_key
  FROM behind
    CROSS JOIN task_dependencies ON on_key = behind.task_key AND met = 0
    CROSS JOIN tasks AS waiting ON waiting.task_key = task_dependencies.task_key
  WHERE waiting.is_stuck
)
SELECT json_group_array(task_key) FROM behind
