-- parameters: a task whose result was rejected. What needs its success and has not begun, has it no longer.
UPDATE task_dependencies SET met = 0
WHERE on_key = ? AND met = 1 AND kind = 'success' AND EXISTS (
  SELECT 1 FROM tasks
  WHERE tasks.task_key = task_dependencies.task_key
    AND (state IN ('pending', 'blocked') OR (state = 'ready' AND owner IS NULL AND attempt = 0))
)
