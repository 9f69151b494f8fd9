-- parameters: a task. Ids, as a JSON array, of what it was submitted to depend on, in that order.
SELECT json_group_array(on_key ORDER BY place) FROM task_dependencies WHERE task_key = ? AND place IS NOT NULL
