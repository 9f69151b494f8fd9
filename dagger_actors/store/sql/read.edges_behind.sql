-- parameters: a task. All dependencies among it and what depends on it, whatever the number of steps: pairs of task_key, on_key.
WITH RECURSIVE behind (task_key) AS (
  SELECT ?1
  UNION
  SELECT task_dependencies.task_key FROM behind CROSS JOIN task_dependencies ON on_key = behind.task_key
)
SELECT json_group_array(json_array(task_dependencies.task_key, on_key))
FROM behind CROSS JOIN task_dependencies ON on_key = behind.task_key
