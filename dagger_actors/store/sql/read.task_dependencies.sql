-- parameters: task_key
SELECT on_key, kind, met, state
FROM task_dependencies LEFT JOIN tasks ON tasks.task_key = on_key
WHERE task_dependencies.task_key = ?
ORDER BY on_key
